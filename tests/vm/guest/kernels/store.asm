; SPDX-License-Identifier: MIT
; out[thread] = thread; c0: 0 out
	s2r r0, %tid.x
	shl r1, r0, 2
	iadd.cc r2, r1, c0[0x0]
	iadd.x r3, rz, c0[0x4]
	st.b32 g[r2d], r0
	exit
