# One image with all of Trunkline's programs; the steps are those of `make build`.
FROM golang:1.26-bookworm AS build
WORKDIR /src
COPY . .
RUN CGO_ENABLED=0 make build

FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /src/bin/ /usr/local/bin/
ENTRYPOINT ["/usr/local/bin/trunkline"]
CMD ["--help"]
