; SPDX-License-Identifier: MIT
; out = a * b, square matrices of floats; one block for a row, one thread for a column
; c0: 0 out, 8 a, 0x10 b, 0x18 side
	s2r r0, %tid.x
	s2r r1, %ctaid.x
	mov r12, c0[0x18]
	imul.u32.u32 r2, r1, r12
	shl r2, r2, 2
	iadd.cc r4, r2, c0[0x8]
	iadd.x r5, rz, c0[0xc]
	shl r3, r0, 2
	iadd.cc r6, r3, c0[0x10]
	iadd.x r7, rz, c0[0x14]
	shl r13, r12, 2
	mov r8, rz
	mov r9, rz
loop:	ld.b32 r10, g[r4d]
	ld.b32 r11, g[r6d]
	ffma r8, r10, r11, r8
	iadd.cc r4, r4, 4
	iadd.x r5, r5, rz
	iadd.cc r6, r6, r13
	iadd.x r7, r7, rz
	iadd r9, r9, 1
	isetp.lt.u32 p0, pt, r9, r12
	@p0 bra loop
	iadd.cc r14, r2, r3
	iadd.x r15, rz, rz
	iadd.cc r4, r14, c0[0x0]
	iadd.x r5, r15, c0[0x4]
	st.b32 g[r4d], r8
	exit
