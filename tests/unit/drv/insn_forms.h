/* SPDX-License-Identifier: MIT */
/*
 * Every instruction form that insn_emulate() supports, and some that it must
 * refuse, assembled into one section with a table beside it.  test_insn.c runs
 * each on the processor and through the emulator.
 *
 * Registers when a form starts: rdi, rsi, rbx point into the trapped window
 * (64-byte aligned), rbp into ordinary memory, r8 into a second window below
 * 4 GiB, r9 = 3, rcx < 40, rsp a scratch stack; all others and the flags are
 * random.  insn_win is the window's symbol, for RIP-relative forms.
 */
#ifndef TESTS_UNIT_DRV_INSN_FORMS_H
#define TESTS_UNIT_DRV_INSN_FORMS_H

#include <stdint.h>

enum { NEED_AVX = 1, NEED_AVX512 = 2, NEED_MOVBE = 4, NEED_BMI = 8, NEED_MOVDIRI = 16, NEED_AVX2 = 32 };
enum {
	KIND_OK,
	KIND_BAD, /* insn_emulate() must refuse it; test_stub.c says which of these a stub carries out */
	KIND_SRC, /* rsi is ordinary memory */
	KIND_DST, /* rdi is ordinary memory */
	KIND_NEAR /* rdi and rsi overlap, in the window where accesses may be merged */
};

struct insn_test_form {
	const uint8_t *code, *end;
	const char *text;
	uint64_t kind, need;
};

#define STR_(x) #x
#define STR(x) STR_(x)
#define FORM(kind, need, text)                                                                     \
	__asm__(".pushsection forms_text,\"ax\",@progbits\n1:\t" text "\n2:\tint3\n.popsection\n"  \
		".pushsection forms_str,\"a\",@progbits\n3:\t.asciz \"" text "\"\n.popsection\n"   \
		".pushsection forms_tab,\"aw\",@progbits\n.quad 1b, 2b, 3b, " STR(kind) ", " STR(  \
			need) "\n.popsection");
/* Numbers, for the assembler: the enums' values. */
#define F(text) FORM(0, 0, text)
#define BAD(text) FORM(1, 0, text)
#define BAD2(text) FORM(1, 32, text)
#define BAD512(text) FORM(1, 2, text)
#define FSRC(text) FORM(2, 0, text)
#define FDST(text) FORM(3, 0, text)
#define FNEAR(text) FORM(4, 0, text)
#define AVX(text) FORM(0, 1, text)
#define AVX512(text) FORM(0, 2, text)
#define MOVBE(text) FORM(0, 4, text)
#define BMI(text) FORM(0, 8, text)
#define MOVDIRI(text) FORM(0, 16, text)

/* Two operands, memory first and second, all sizes and addressing modes. */
#define MR(op)                                                                                     \
	F(op "b %dl, 0x10(%rdi)") F(op "b %ah, (%rbx)") F(op "b %sil, (%rbx)")                     \
	F(op "b %r15b, 5(%rdi,%r9)") F(op "w %r10w, (%rdi,%r9,2)") F(op "l %edx, -8(%rbx)")        \
	F(op "q %r11, 8(%rbx,%r9,8)") F(op "l %r12d, insn_win+0x40(%rip)") F(op "l %eax, (%r8d)")
#define RM(op)                                                                                     \
	F(op "b 0x10(%rdi), %dl") F(op "b (%rbx), %ch") F(op "b (%rbx), %r14b")                    \
	F(op "w (%rdi,%r9,2), %r10w") F(op "l -8(%rbx), %edx") F(op "q 8(%rbx,%r9,8), %r11")       \
	F(op "q insn_win+0x48(%rip), %rax") F(op "w 2(%r8d,%r9d,4), %dx")
#define MI(op)                                                                                     \
	F(op "b $0x5a, 3(%rdi)") F(op "b $-3, (%rbx)") F(op "w $0x1234, 6(%rdi)")                  \
	F(op "w $-2, (%rdi)") F(op "l $0x12345678, (%rbx)") F(op "l $-5, 4(%rbx)")                 \
	F(op "q $0x12345678, (%rbx)") F(op "q $-0x12345678, (%rdi)") F(op "q $7, 8(%rdi)")         \
	F(op "l $-100, insn_win+0x44(%rip)")
#define M(op)                                                                                      \
	F(op "b 7(%rdi)") F(op "w (%rbx)") F(op "l 4(%rdi,%r9,4)") F(op "q -16(%rbx)")             \
	F("lock " op "l (%rdi)")
#define SH(op)                                                                                     \
	F(op "b $3, (%rdi)") F(op "w %cl, (%rdi)") F(op "l (%rdi)") F(op "q $17, (%rbx)")          \
	F(op "l %cl, 4(%rbx)") F(op "q %cl, (%rbx)")
#define BITS(op) F(op "w $5, (%rdi)") F(op "l $31, (%rdi)") F(op "q $45, (%rbx)") F(op "l $200, (%rbx)")
#define CCS(X)                                                                                     \
	X(o) X(no) X(b) X(ae) X(e) X(ne) X(be) X(a) X(s) X(ns) X(p) X(np) X(l) X(ge) X(le) X(g)
#define CC_FORMS(cc)                                                                               \
	F("set" #cc " 9(%rdi)") F("cmov" #cc "l (%rbx), %edx") F("cmov" #cc "q (%rdi), %r13")      \
	F("cmov" #cc "w 2(%rdi), %ax")

/* Plain moves. */
MR("mov") RM("mov") MI("mov")

F("movzbw (%rdi), %ax") F("movzbl 1(%rdi), %edx") F("movzbq 2(%rdi), %r10")
F("movzwl 2(%rbx), %eax")
F("movzwq 4(%rbx), %r15") F("movsbw (%rdi), %ax") F("movsbl 1(%rdi), %edx")
F("movsbq 2(%rdi), %r10")
F("movswl 2(%rbx), %eax") F("movswq 4(%rbx), %r15") F("movslq (%rbx), %rdx")
F("movntil %edx, (%rdi)")
F("movntiq %r11, (%rbx)") MOVDIRI("movdiri %edx, (%rdi)") MOVDIRI("movdiri %r11, 8(%rbx)")
MOVBE("movbe (%rdi), %dx") MOVBE("movbe (%rdi), %edx") MOVBE("movbe (%rbx), %r11")
MOVBE("movbe %dx, (%rdi)") MOVBE("movbe %edx, (%rdi)") MOVBE("movbe %r11, (%rbx)")
F("movabsl 0x20000100, %eax") F("movabsb %al, 0x20000101") F("movabsq %rax, 0x20000108")
F("movabsw 0x20000102, %ax") F("mov (%rdi,%r9,4), %rdi") F("mov (%rbx), %rbx") F("mov (%rdi), %rsp")
F("mov %rsp, (%rdi)") F("mov 0x7f8(%rdi), %eax") F("mov %ds:(%rbx), %eax")

/* Arithmetic: memory as destination, as source, with an immediate; locked too. */
MR("add") RM("add") MI("add") MR("or") RM("or") MI("or") MR("adc") RM("adc") MI("adc")
MR("sbb") RM("sbb") MI("sbb") MR("and") RM("and") MI("and") MR("sub") RM("sub") MI("sub")
MR("xor") RM("xor") MI("xor") MR("cmp") RM("cmp") MI("cmp")
F("testb %dl, (%rdi)") F("testw %dx, (%rdi)") F("testl %eax, (%rbx)") F("testq %r11, (%rbx)")
F("testb $0x5a, (%rdi)") F("testw $0x1234, (%rdi)") F("testl $0x12345678, (%rbx)")
F("testq $-4, (%rbx)")
F("lock addl %edx, (%rdi)") F("lock orq %r10, (%rbx)") F("lock andw %dx, 2(%rdi)")
F("lock xorb %dl, (%rdi)")
F("lock subl $5, (%rdi)") F("lock adcl %edx, (%rdi)") F("lock sbbq $1, (%rbx)")
M("inc") M("dec") M("neg") M("not")
SH("shl") SH("shr") SH("sar") SH("rol") SH("ror") SH("rcl") SH("rcr")
BITS("bt") BITS("bts") BITS("btr") BITS("btc") F("lock btsl $3, (%rdi)") F("lock btrq $33, (%rbx)")
F("imulw (%rdi), %dx") F("imull (%rdi), %edx") F("imulq (%rbx), %r11") F("imulw $300, (%rdi), %dx")
F("imull $-3, (%rbx), %r10d") F("imulq $0x1234567, (%rbx), %r15")
F("popcntw (%rdi), %dx") F("popcntl (%rdi), %edx") F("popcntq (%rbx), %r11")
F("bsfl (%rdi), %edx") F("bsrq (%rbx), %r11") F("bsrw (%rdi), %dx")
BMI("tzcntl (%rdi), %edx") BMI("tzcntq (%rbx), %r11") BMI("lzcntl (%rdi), %edx") BMI("lzcntw (%rbx), %dx")

/* Exchanges. */
F("xchgb %dl, (%rdi)") F("xchgb %ah, (%rdi)") F("xchgw %dx, (%rbx)") F("xchgl %edx, (%rdi)")
F("xchgq (%rbx), %r11") F("lock xaddb %dl, (%rdi)") F("xaddw %dx, (%rbx)")
F("lock xaddl %edx, (%rdi)")
F("lock xaddq %r11, (%rbx)") F("xaddl %eax, (%r8d)") F("lock cmpxchgb %dl, (%rdi)")
F("cmpxchgw %dx, (%rdi)") F("lock cmpxchgl %r10d, (%rdi)") F("lock cmpxchgq %r11, (%rdi)")
F("cmpxchgl %edx, (%rdi)") F("lock cmpxchg8b (%rdi)")

/* Conditions and the stack. */
CCS(CC_FORMS)
F("pushq (%rdi)") F("pushw 2(%rdi)") F("popq (%rdi)") F("popw 6(%rbx)") F("pushq 8(%rbx,%r9,8)")

/* String instructions: both sides trapped, one side, with and without repeat. */
F("movsb") F("movsw") F("movsl") F("movsq") F("rep movsb") F("rep movsw") F("rep movsl")
F("rep movsq")
FSRC("movsb") FSRC("movsq") FSRC("rep movsb") FSRC("rep movsw") FSRC("rep movsl") FSRC("rep movsq")
FDST("movsw") FDST("movsl") FDST("rep movsb") FDST("rep movsw") FDST("rep movsl") FDST("rep movsq")
FNEAR("rep movsb") FNEAR("rep movsw") FNEAR("rep movsl") FNEAR("rep movsq") FNEAR("rep stosb")
FNEAR("rep stosw")
FNEAR("rep stosl") FNEAR("repe cmpsb") FNEAR("movsl")
F("stosb") F("stosw") F("stosl") F("stosq") F("rep stosb") F("rep stosw") F("rep stosl")
F("rep stosq")
F("lodsb") F("lodsw") F("lodsl") F("lodsq") F("rep lodsb") F("rep lodsl")
F("cmpsb") F("cmpsw") F("cmpsl") F("cmpsq") F("repe cmpsb") F("repne cmpsb") F("repe cmpsl")
F("repne cmpsq")
FSRC("repe cmpsw") FDST("repe cmpsb") F("scasb") F("scasw") F("scasl") F("scasq") F("repe scasb")
F("repne scasb") F("repne scasw") F("repe scasl") F("repne scasq")

/* Vector moves. */
#define VMOV_SSE(op, r) F(op " (%rdi), %" r) F(op " %" r ", 0x10(%rbx)")
VMOV_SSE("movups", "xmm1") VMOV_SSE("movupd", "xmm9") VMOV_SSE("movaps", "xmm15")
VMOV_SSE("movapd", "xmm2")
VMOV_SSE("movdqu", "xmm0") VMOV_SSE("movdqa", "xmm12") VMOV_SSE("movss", "xmm3")
VMOV_SSE("movsd", "xmm14")
VMOV_SSE("movd", "xmm4") VMOV_SSE("movq", "xmm11") VMOV_SSE("movlps", "xmm5")
VMOV_SSE("movhps", "xmm6")
VMOV_SSE("movlpd", "xmm7") VMOV_SSE("movhpd", "xmm8") F("lddqu 3(%rdi), %xmm1")
F("movdqu 5(%rbx), %xmm2")
F("movntdq %xmm3, (%rdi)") F("movntps %xmm4, (%rdi)") F("movntpd %xmm5, (%rbx)")
F("movntdqa (%rdi), %xmm6")
F("movups %xmm1, 1(%r8d)")
#define VMOV_AVX(op, r) AVX(op " (%rdi), %" r) AVX(op " %" r ", 0x20(%rbx)")
VMOV_AVX("vmovups", "xmm1") VMOV_AVX("vmovups", "ymm1") VMOV_AVX("vmovupd", "ymm9")
VMOV_AVX("vmovaps", "ymm15")
VMOV_AVX("vmovapd", "xmm2") VMOV_AVX("vmovdqu", "xmm0") VMOV_AVX("vmovdqu", "ymm0")
VMOV_AVX("vmovdqa", "ymm12")
VMOV_AVX("vmovss", "xmm3") VMOV_AVX("vmovsd", "xmm14") VMOV_AVX("vmovd", "xmm4")
VMOV_AVX("vmovq", "xmm11")
AVX("vlddqu 3(%rdi), %ymm1") AVX("vmovntdq %ymm3, (%rdi)") AVX("vmovntps %ymm4, (%rdi)")
AVX("vmovntpd %ymm5, (%rbx)") AVX("vmovdqu %ymm7, 5(%rbx)") AVX("vmovhps %xmm6, (%rdi)")
AVX("vmovlps %xmm6, (%rdi)") AVX("vmovhpd %xmm13, 8(%rdi)") AVX("vmovntdqa (%rdi), %xmm6")
#define VMOV_512(op, r) AVX512(op " 0x40(%rdi), %" r) AVX512(op " %" r ", 0x80(%rbx)")
VMOV_512("vmovdqu8", "zmm1") VMOV_512("vmovdqu16", "ymm17") VMOV_512("vmovdqu32", "xmm31")
VMOV_512("vmovdqu64", "zmm30")
VMOV_512("vmovdqu64", "ymm16") VMOV_512("vmovdqa32", "zmm2") VMOV_512("vmovdqa64", "ymm18")
VMOV_512("vmovups", "zmm3")
VMOV_512("vmovupd", "zmm19") VMOV_512("vmovaps", "zmm20") VMOV_512("vmovapd", "ymm21")
VMOV_512("vmovss", "xmm22") VMOV_512("vmovsd", "xmm23") VMOV_512("vmovd", "xmm24")
VMOV_512("vmovq", "xmm25")
AVX512("vmovdqu8 %ymm16, 1(%rdi){%k1}") AVX512("vmovdqu8 %xmm3, (%rdi){%k2}")
AVX512("vmovdqu16 %zmm16, (%rbx){%k3}")
AVX512("vmovdqu32 %zmm5, (%rdi){%k1}") AVX512("vmovdqu64 %ymm5, (%rdi){%k4}")
AVX512("vmovdqu8 (%rdi), %zmm6{%k1}")
AVX512("vmovdqu8 (%rdi), %xmm6{%k1}{z}") AVX512("vmovdqu16 (%rdi), %ymm26{%k5}{z}")
AVX512("vmovdqu32 (%rbx), %zmm7{%k6}")
AVX512("vmovdqu64 (%rbx), %zmm27{%k7}{z}") AVX512("vmovups (%rbx), %ymm28{%k2}")
AVX512("vmovapd %zmm29, (%rbx){%k3}")
AVX512("vmovntdq %zmm3, (%rdi)") AVX512("vmovntdqa (%rdi), %zmm8")

/* Cache maintenance. */
F("clflush (%rdi)")

/* Refused by the emulator; most run on a copy of the operand (stub.c). */
BAD("mull (%rdi)") BAD("mulq 8(%rbx,%r9,8)") BAD("imull (%rdi)") BAD("imulw 2(%rdi)")
BAD("mulb (%r8d)")
BAD("shldl $3, %eax, (%rdi)") BAD("shrdq %cl, %r11, (%rbx)") BAD("crc32l (%rdi), %eax")
BAD("lock cmpxchg16b (%rdi)") BAD("paddd (%rdi), %xmm1") BAD("addss (%rdi), %xmm1")
BAD("mulsd insn_win+8(%rip), %xmm9")
BAD("cmpss $0, (%rdi), %xmm1") BAD("cmpsd $1, (%rdi), %xmm1") BAD("ucomiss (%rdi), %xmm1")
BAD("comisd (%rbx), %xmm12")
BAD("cvtsi2sdl (%rdi), %xmm1") BAD("cvtss2sd 4(%rdi), %xmm2") BAD("cvttsd2si (%rdi), %rax")
BAD("sqrtsd (%rdi), %xmm3")
BAD("pand (%rdi), %xmm1") BAD("pshufd $0x1b, (%rdi), %xmm4") BAD("ptest (%rdi), %xmm5")
BAD("pinsrd $1, (%rdi), %xmm1")
BAD("pextrd $1, %xmm1, (%rdi)") BAD("pextrb $7, %xmm1, 3(%rdi)") BAD("movq (%rdi), %mm1")
BAD("movd %mm1, (%rdi)")
BAD("fldl (%rdi)") BAD("fldt (%rbx)") BAD("fstpl (%rdi)") BAD("fstpt (%rdi)") BAD("fildll (%rdi)")
BAD("vmovhps (%rdi), %xmm1, %xmm2") BAD2("vpbroadcastd (%rdi), %ymm1")
BAD2("vpaddd (%rdi), %ymm1, %ymm2")
BAD2("vaddsd 8(%rbx,%r9,8), %xmm1, %xmm13") BAD2("vextractf128 $1, %ymm1, (%rdi)")
BAD2("vinserti128 $1, (%rdi), %ymm2, %ymm3")
BAD512("vaddps (%rdi), %zmm17, %zmm18") BAD512("vpaddd (%rdi){1to16}, %zmm1, %zmm20")
BAD512("vpmovdw %zmm1, 0x20(%rdi)")
BAD512("vpxorq 0x40(%rbx), %ymm16, %ymm3")
/* Refused by both. */
BAD("call *(%rdi)") BAD("jmp *(%rdi)") BAD("btl %eax, (%rdi)") BAD("movw %ds, (%rdi)")
BAD("mov %fs:(%rdi), %eax")
BAD("mov %gs:(%rdi), %eax") BAD("fxsave (%rdi)") BAD("lea (%rdi), %rax") BAD("nop") BAD("cpuid")
BAD2("vgatherdps %ymm1, (%rdi,%ymm2,4), %ymm3") BAD2("vmaskmovps (%rdi), %ymm1, %ymm2")
BAD512("vpaddd (%rdi), %zmm1, %zmm2{%k1}") BAD(".byte 0x64, 0xa4") BAD(".byte 0x65, 0xf3, 0xa4")
BAD("movdir64b (%rdi), %rax") BAD(".byte 0x0f, 0xff")

#endif
