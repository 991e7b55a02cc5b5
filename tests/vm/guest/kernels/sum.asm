; SPDX-License-Identifier: MIT
; A tree sum in s[] for each block, and an atomic total.
; c0: 0 out, 8 a, 0x1c threads of a block (a power of two)
	s2r r0, %tid.x
	s2r r1, %ctaid.x
	imad.u32.u32 r2, r1, c0[0x1c], r0
	shl r3, r2, 2
	iadd.cc r4, r3, c0[0x8]
	iadd.x r5, rz, c0[0xc]
	ld.b32 r6, g[r4d]
	shl r3, r0, 2
	st.b32 s[r3], r6
	bar.popc pt, rz, 0, 0, pt
	mov r4, c0[0x1c]
	shr.u32 r4, r4, 1
	prebrk out
loop:	isetp.eq.u32 p0, pt, r4, rz
	@p0 brk
	joinat next
	isetp.ge.u32 p1, pt, r0, r4
	@p1 nop.join
	iadd r5, r0, r4
	shl r5, r5, 2
	ld.b32 r6, s[r5]
	ld.b32 r7, s[r3]
	iadd r7, r7, r6
	st.b32 s[r3], r7
	nop.join
next:	bar.popc pt, rz, 0, 0, pt
	shr.u32 r4, r4, 1
	bra loop
out:	isetp.ne.u32 p0, pt, r0, rz
	@p0 exit
	ld.b32 r8, s[0]
	mov r2, c0[0x0]
	mov r3, c0[0x4]
	red.add.u32 g[r2d], r8
	iadd r9, r1, 1
	shl r9, r9, 2
	iadd.cc r10, r9, c0[0x0]
	iadd.x r11, rz, c0[0x4]
	st.b32 g[r10d], r8
	exit
