//go:build amd64 && !purego

#include "textflag.h"

DATA half<>+0(SB)/4, $0x3f000000
GLOBL half<>(SB), RODATA|NOPTR, $4
DATA sign<>+0(SB)/4, $0x80000000
GLOBL sign<>(SB), RODATA|NOPTR, $4

// func firAVX2(dst *int16, x, c *float32, per, rows, stride, n int)
//
// R8 runs over x by 32 outputs, R9 over the rows of one output, SI and R10 over
// x and c within a row.
TEXT ·firAVX2(SB), NOSPLIT, $0-56
	MOVQ dst+0(FP), DI
	MOVQ x+8(FP), R8
	MOVQ stride+40(FP), R12
	SHLQ $2, R12
	MOVQ n+48(FP), DX

	VBROADCASTSS sign<>(SB), Y14
	VBROADCASTSS half<>(SB), Y15

outputs:
	MOVQ   c+16(FP), R10
	MOVQ   rows+32(FP), BX
	MOVQ   R8, R9
	VXORPS Y0, Y0, Y0
	VXORPS Y1, Y1, Y1
	VXORPS Y2, Y2, Y2
	VXORPS Y3, Y3, Y3
	VXORPS Y4, Y4, Y4
	VXORPS Y5, Y5, Y5
	VXORPS Y6, Y6, Y6
	VXORPS Y7, Y7, Y7

row:
	MOVQ R9, SI
	MOVQ per+24(FP), CX

	// Two taps at a time in sums of their own, for the latency of a fused
	// multiply-add.
tap:
	VBROADCASTSS (R10), Y8
	VBROADCASTSS 4(R10), Y9
	VFMADD231PS  (SI), Y8, Y0
	VFMADD231PS  32(SI), Y8, Y1
	VFMADD231PS  64(SI), Y8, Y2
	VFMADD231PS  96(SI), Y8, Y3
	VFMADD231PS  4(SI), Y9, Y4
	VFMADD231PS  36(SI), Y9, Y5
	VFMADD231PS  68(SI), Y9, Y6
	VFMADD231PS  100(SI), Y9, Y7
	ADDQ         $8, SI
	ADDQ         $8, R10
	SUBQ         $2, CX
	JNE          tap

	ADDQ R12, R9
	DECQ BX
	JNE  row

	VADDPS Y4, Y0, Y0
	VADDPS Y5, Y1, Y1
	VADDPS Y6, Y2, Y2
	VADDPS Y7, Y3, Y3

	// Half with the sign of the value, then towards zero.
	VANDPS     Y14, Y0, Y4
	VANDPS     Y14, Y1, Y5
	VANDPS     Y14, Y2, Y6
	VANDPS     Y14, Y3, Y7
	VORPS      Y15, Y4, Y4
	VORPS      Y15, Y5, Y5
	VORPS      Y15, Y6, Y6
	VORPS      Y15, Y7, Y7
	VADDPS     Y4, Y0, Y0
	VADDPS     Y5, Y1, Y1
	VADDPS     Y6, Y2, Y2
	VADDPS     Y7, Y3, Y3
	VCVTTPS2DQ Y0, Y0
	VCVTTPS2DQ Y1, Y1
	VCVTTPS2DQ Y2, Y2
	VCVTTPS2DQ Y3, Y3

	// Packing saturates, and goes by halves of a register.
	VPACKSSDW Y1, Y0, Y0
	VPACKSSDW Y3, Y2, Y2
	VPERMQ    $0xD8, Y0, Y0
	VPERMQ    $0xD8, Y2, Y2
	VMOVDQU   Y0, (DI)
	VMOVDQU   Y2, 32(DI)

	ADDQ $64, DI
	ADDQ $128, R8
	SUBQ $32, DX
	JNE  outputs

	VZEROUPPER
	RET

// func widenAVX2(dst *float32, src *int16, n int)
TEXT ·widenAVX2(SB), NOSPLIT, $0-24
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ n+16(FP), CX

widen:
	VPMOVSXWD (SI), Y0
	VPMOVSXWD 16(SI), Y1
	VCVTDQ2PS Y0, Y0
	VCVTDQ2PS Y1, Y1
	VMOVUPS   Y0, (DI)
	VMOVUPS   Y1, 32(DI)
	ADDQ      $32, SI
	ADDQ      $64, DI
	SUBQ      $16, CX
	JNE       widen

	VZEROUPPER
	RET

// func partAVX2(even, odd, src *float32, n int)
TEXT ·partAVX2(SB), NOSPLIT, $0-32
	MOVQ even+0(FP), DI
	MOVQ odd+8(FP), DX
	MOVQ src+16(FP), SI
	MOVQ n+24(FP), CX

part:
	VMOVUPS (SI), Y0
	VMOVUPS 32(SI), Y1
	VSHUFPS $0x88, Y1, Y0, Y2
	VSHUFPS $0xDD, Y1, Y0, Y3
	VPERMQ  $0xD8, Y2, Y2
	VPERMQ  $0xD8, Y3, Y3
	VMOVUPS Y2, (DI)
	VMOVUPS Y3, (DX)
	ADDQ    $64, SI
	ADDQ    $32, DI
	ADDQ    $32, DX
	SUBQ    $8, CX
	JNE     part

	VZEROUPPER
	RET

// func weaveAVX2(dst, even, odd *int16, n int)
TEXT ·weaveAVX2(SB), NOSPLIT, $0-32
	MOVQ dst+0(FP), DI
	MOVQ even+8(FP), SI
	MOVQ odd+16(FP), DX
	MOVQ n+24(FP), CX

weave:
	VMOVDQU    (SI), Y0
	VMOVDQU    (DX), Y1
	VPUNPCKLWD Y1, Y0, Y2
	VPUNPCKHWD Y1, Y0, Y3
	VPERM2I128 $0x20, Y3, Y2, Y0
	VPERM2I128 $0x31, Y3, Y2, Y1
	VMOVDQU    Y0, (DI)
	VMOVDQU    Y1, 32(DI)
	ADDQ       $32, SI
	ADDQ       $32, DX
	ADDQ       $64, DI
	SUBQ       $16, CX
	JNE        weave

	VZEROUPPER
	RET
