; SPDX-License-Identifier: MIT
; out[i] = a[i] * b[i] + addend
; c0: 0 out, 8 a, 0x10 b, 0x18 addend, 0x1c threads of a block, 0x20 length
	s2r r0, %tid.x
	s2r r1, %ctaid.x
	imad.u32.u32 r0, r1, c0[0x1c], r0
	isetp.ge.u32 p0, pt, r0, c0[0x20]
	@p0 exit
	shl r1, r0, 2
	iadd.cc r2, r1, c0[0x8]
	iadd.x r3, rz, c0[0xc]
	ld.b32 r4, g[r2d]
	iadd.cc r2, r1, c0[0x10]
	iadd.x r3, rz, c0[0x14]
	ld.b32 r5, g[r2d]
	mov r6, c0[0x18]
	imad.u32.u32 r4, r4, r5, r6
	iadd.cc r2, r1, c0[0x0]
	iadd.x r3, rz, c0[0x4]
	st.b32 g[r2d], r4
	exit
