package providertest

import "testing"

func FuzzToyParse(f *testing.F)  { FuzzParse(f, toySuite("")) }
func FuzzToyVerify(f *testing.F) { FuzzVerify(f, toySuite("")) }
func FuzzToyCodec(f *testing.F)  { FuzzCodec(f, toySuite("")) }
