// SPDX-License-Identifier: MIT
/*
 * Plans (gpuvm/dev/sim/sm/plan.h): random programs, made of what compilers for this chip write,
 * give the same memory and the same count of instructions with and without one, on every vector
 * extension; and some programs by hand, whose flow or numbers are at an edge.
 */
#include <stdarg.h>
#include <unistd.h>

#include "tests/unit/dev/smkit.h"

#define IN SK_BUF
#define OUT (SK_BUF + 0x1000)
#define BLOCK_X 40u
#define THREADS 80u
#define BLOCKS 3u
#define REGS 16u /* r1 to r15 are the program's; r0 is the thread's place in OUT */
#define OUT_LEN (THREADS * BLOCKS * 4 * REGS)
#define TEXT_MAX 32768

struct text {
	char s[TEXT_MAX];
	size_t len;
	uint32_t labels;
	uint64_t seed;
};

static void say(struct text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void say(struct text *t, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	t->len += (size_t)vsnprintf(t->s + t->len, TEXT_MAX - t->len, fmt, ap);
	va_end(ap);
	assert_true(t->len < TEXT_MAX);
}

static uint32_t pick(struct text *t, uint32_t n)
{
	return (uint32_t)(kit_rand(&t->seed) >> 33) % n;
}

/* A register that is read. */
static uint32_t reg(struct text *t)
{
	return 1 + pick(t, REGS - 1);
}

/* The second operand: a register, a number, a constant. */
static const char *second(struct text *t, char buf[32])
{
	static const uint32_t numbers[] = { 0, 1, 2, 3, 30, 31, 32, 33, 0x1000, 0x7ffff };

	switch (pick(t, 4)) {
	case 0:
		snprintf(buf, 32, "0x%x", numbers[pick(t, ARRAY_SIZE(numbers))]);
		break;
	case 1:
		snprintf(buf, 32, "c0[0x%x]", 4 * pick(t, 12));
		break;
	case 2:
		if (!pick(t, 3))
			return "rz";
		/* fall through */
	default:
		snprintf(buf, 32, "r%u", reg(t));
		break;
	}
	return buf;
}

static void say_guard(struct text *t)
{
	uint32_t r = pick(t, 12);

	if (r < 3)
		say(t, "@%sp%u ", r & 1 ? "!" : "", pick(t, 3));
}

static void say_compare(struct text *t)
{
	static const char *const cmp[] = { "lt", "le", "eq", "ne", "gt", "ge" };
	uint32_t p = pick(t, 3), q = pick(t, 4);
	char b[32], dst[8];

	snprintf(dst, sizeof(dst), q == 3 ? "pt" : "p%u", q == p ? (q + 1) % 3 : q);
	say(t, "isetp.%s.%s p%u, %s, r%u, %s\n", cmp[pick(t, 6)], pick(t, 2) ? "u32" : "s32", p,
	    dst, reg(t), second(t, b));
}

/* A 64-bit address of IN from a register, as compilers make it. */
static void say_load(struct text *t)
{
	uint32_t d = reg(t) & ~1u, i = reg(t);

	d = d ? d : 2;
	say(t, "lop.and r%u, r%u, 0xffc\n iadd.cc r%u, r%u, c0[0x0]\n", d, i, d, d);
	say(t, "iadd.x r%u, rz, c0[0x4]\n ld.b32 r%u, g[r%ud]\n", d + 1, reg(t), d);
}

static void say_sum(struct text *t)
{
	static const char *const op[] = { "iadd", "iadd.sub", "iadd.subr" };
	const char *how = op[pick(t, 3)];
	uint32_t d = reg(t);
	char b[32] = "";

	switch (pick(t, 4)) {
	case 0:
		say(t, "%s r%u, r%u, %s\n", how, d, reg(t), second(t, b));
		break;
	case 1:
		say(t, "%s.x r%u, r%u, %s\n", how, d, reg(t), second(t, b));
		break;
	case 2:
		say(t, "imad.u32.u32.cc r%u, r%u, %s, r%u\n", d, reg(t), second(t, b), reg(t));
		say(t, "imad.u32.u32.hi.x r%u, r%u, %s, r%u\n", reg(t), reg(t), b[0] ? b : "rz",
		    reg(t));
		break;
	default: /* both halves, next to each other or not */
		say(t, "%s.cc r%u, r%u, %s\n", how, d, reg(t), second(t, b));
		if (pick(t, 2))
			say(t, "lop.xor r%u, r%u, r%u\n", reg(t), reg(t), reg(t));
		say_guard(t);
		say(t, "%s.x r%u, r%u, %s\n", how, reg(t), reg(t), second(t, b));
		break;
	}
}

static void say_one(struct text *t)
{
	uint32_t d = reg(t), a = reg(t);
	char b[32] = "";

	say_guard(t);
	switch (pick(t, 14)) {
	case 0: say(t, "mov r%u, %s\n", d, second(t, b)); break;
	case 1: say(t, "mov.l r%u, 0x%x\n", d, pick(t, 2) ? pick(t, 40) : pick(t, 0x40000000)); break;
	case 2: say(t, "shl r%u, r%u, %s\n", d, a, second(t, b)); break;
	case 3: say(t, "shr.%s r%u, r%u, %s\n", pick(t, 2) ? "u32" : "s32", d, a, second(t, b)); break;
	case 4: say(t, "lop.%s r%u, r%u, %s\n", pick(t, 2) ? "or" : "and", d, a, second(t, b)); break;
	case 5: say(t, "lop.xor r%u, r%u, %s\n", d, a, second(t, b)); break;
	case 6: say(t, "ext.u32 r%u, r%u, 0x%x\n", d, a, pick(t, 33) << 8 | pick(t, 33)); break;
	case 7: say(t, "imul.u32.u32%s r%u, r%u, %s\n", pick(t, 2) ? ".hi" : "", d, a, second(t, b)); break;
	case 8: say(t, "imad.u32.u32 r%u, r%u, %s, r%u\n", d, a, second(t, b), reg(t)); break;
	case 9: say(t, "fadd r%u, r%u, r%u\n", d, a, reg(t)); break;
	case 10: say(t, "s2r r%u, %s\n", d, pick(t, 2) ? "%tid" : "%ctaid.x"); break;
	case 11: say(t, "selp r%u, r%u, %s, p%u\n", d, a, second(t, b), pick(t, 3)); break;
	case 12: say_compare(t); break;
	default: say_sum(t); break;
	}
}

static void say_list(struct text *t, uint32_t level, bool loop)
{
	for (uint32_t i = 0, n = 4 + pick(t, 10); i < n; i++) {
		uint32_t l, kind = pick(t, 16);

		if (kind == 0 && level) {
			l = t->labels++;
			say(t, "joinat end%u\n @%sp%u bra else%u\n", l, pick(t, 2) ? "!" : "", pick(t, 3), l);
			say_list(t, level - 1, loop);
			say(t, "nop.join\nelse%u:\n", l);
			say_list(t, level - 1, loop);
			say(t, "nop.join\nend%u:\n", l);
		} else if (kind == 1 && level && !loop) {
			l = t->labels++;
			say(t, "mov r20, rz\n prebrk out%u\nhead%u:\n precont head%u\n", l, l, l);
			say(t, "isetp.ge.u32 p0, pt, r20, %u\n @p0 brk\n iadd r20, r20, 1\n", 1 + pick(t, 4));
			say_list(t, level - 1, true);
			say(t, "cont\nout%u:\n", l);
		} else if (kind == 2) {
			say_load(t);
		} else if (kind == 3 && loop && !pick(t, 3)) {
			say(t, "@p%u %s\n", pick(t, 3), pick(t, 2) ? "brk" : "cont");
		} else if (kind == 4 && !pick(t, 8)) {
			say(t, "@p%u bra leave\n", pick(t, 3));
		} else {
			say_one(t);
		}
	}
}

/* What a thread starts with: places, numbers, and words of IN. */
static void say_start(struct text *t)
{
	say(t, "s2r r2, %%ctaid.x\n s2r r3, %%tid\n ext.u32 r4, r3, 0x1000\n ext.u32 r5, r3, 0xa10\n");
	say(t, "imad.u32.u32 r4, r5, %u, r4\n imad.u32.u32 r0, r2, %u, r4\n", BLOCK_X, THREADS);
	say(t, "shl r6, r0, 2\n iadd.cc r6, r6, c0[0x0]\n iadd.x r7, rz, c0[0x4]\n");
	say(t, "ld.b32 r8, g[r6d]\n ld.b32 r9, g[r6d+0x100]\n mov.l r10, 2\n mov r11, c0[0x10]\n");
	say(t, "mov r12, rz\n mov r13, r8\n mov.l r14, 0xfffffff0\n mov r15, r9\n mov r1, r0\n");
	say(t, "isetp.lt.u32 p0, p1, r8, r9\n isetp.eq.u32 p2, pt, r10, 2\n");
}

/* Some of the registers go out, the others are nobody's. */
static void say_end(struct text *t)
{
	say(t, "leave:\n imul.u32.u32 r0, r0, %u\n iadd.cc r30, r0, c0[0x8]\n iadd.x r31, rz, c0[0xc]\n",
	    4 * REGS);
	for (uint32_t r = 1; r < REGS; r++)
		if (pick(t, 3))
			say(t, "st.b32 g[r30d+0x%x], r%u\n", 4 * r, r);
	say(t, "mov r1, 1\n selp r1, r1, rz, p0\n @p1 iadd r1, r1, 2\n @p2 iadd r1, r1, 4\n");
	say(t, "st.b32 g[r30d], r1\n exit\n");
}

struct machine {
	struct sk s;
	char count[40];
	uint64_t before[3];
};

static void machine_open(struct machine *m, const char *smopt)
{
	char options[120];
	uint32_t word;
	uint64_t seed = 7;
	int fd;

	snprintf(m->count, sizeof(m->count), "/tmp/gpuvm-plan-XXXXXX");
	fd = mkstemp(m->count);
	assert_true(fd >= 0);
	close(fd);
	snprintf(options, sizeof(options), "clock=manual,sm=1,smopt=%s,count=%s", smopt, m->count);
	sk_open(&m->s, options);
	memset(m->before, 0, sizeof(m->before));
	sk_const_va(&m->s, 0, IN);
	sk_const_va(&m->s, 2, OUT);
	for (uint32_t i = 4; i < 12; i++)
		sk_const(&m->s, i, i == 5 ? 0 : i == 6 ? ~0u : i == 7 ? 2 : i * 0x9e3779b1u);
	for (uint32_t i = 0; i < 0x1000 / 4; i++) {
		word = (uint32_t)(kit_rand(&seed) >> 20);
		sk_wr(&m->s, IN + 4 * i, &word, 4);
	}
}

static void machine_close(struct machine *m)
{
	sk_close(&m->s);
	unlink(m->count);
}

/* Instructions of warps and of lanes that the program took. */
static void machine_run(struct machine *m, const char *text, uint32_t *out, uint64_t took[2])
{
	static const uint32_t none[OUT_LEN / 4];
	uint64_t now[3];
	FILE *f;

	sk_wr(&m->s, OUT, none, OUT_LEN);
	m->s.entry = 0;
	sk_run(&m->s, sk_program(&m->s, text),
	       &(struct sk_grid){ .grid = { BLOCKS }, .block = { BLOCK_X, THREADS / BLOCK_X } });
	sk_rd(&m->s, OUT, out, OUT_LEN);
	f = fopen(m->count, "re");
	assert_non_null(f);
	assert_int_equal(fread(now, sizeof(now), 1, f), 1);
	fclose(f);
	took[0] = now[1] - m->before[1];
	took[1] = now[2] - m->before[2];
	memcpy(m->before, now, sizeof(now));
}

static struct text text;
static uint32_t want[OUT_LEN / 4], got[OUT_LEN / 4];

static void compare(struct machine *ref, struct machine *m)
{
	uint64_t a[2], b[2];

	machine_run(ref, text.s, want, a);
	machine_run(m, text.s, got, b);
	for (uint32_t i = 0; i < ARRAY_SIZE(want); i++)
		if (got[i] != want[i])
			fail_msg("thread %u, r%u: %08x, not %08x, of\n%s", i / REGS, i % REGS, got[i],
				 want[i], text.s);
	if (a[0] != b[0] || a[1] != b[1])
		fail_msg("%llu and %llu instructions, not %llu and %llu, of\n%s",
			 (unsigned long long)b[0], (unsigned long long)b[1],
			 (unsigned long long)a[0], (unsigned long long)a[1], text.s);
}

static void test_random(void **state)
{
	static const char *const with[] = { "160", "163", "171", "175", "255" };
	struct machine ref, m[ARRAY_SIZE(with)];

	(void)state;
	machine_open(&ref, "0");
	for (uint32_t i = 0; i < ARRAY_SIZE(with); i++)
		machine_open(&m[i], with[i]);
	for (uint32_t n = 0; n < 400; n++) {
		memset(&text, 0, sizeof(text));
		text.seed = n * 77 + 1;
		say_start(&text);
		say_list(&text, 3, false);
		say_list(&text, 3, false);
		say_end(&text);
		compare(&ref, &m[n % ARRAY_SIZE(with)]);
	}
	for (uint32_t i = 0; i < ARRAY_SIZE(with); i++)
		machine_close(&m[i]);
	machine_close(&ref);
}

/* A program given as text, with the usual start and end. */
static void by_hand(const char *body)
{
	struct machine ref, m;

	memset(&text, 0, sizeof(text));
	say_start(&text);
	say(&text, "%s", body);
	say(&text, "leave:\n imul.u32.u32 r0, r0, %u\n iadd.cc r30, r0, c0[0x8]\n iadd.x r31, rz, c0[0xc]\n",
	    4 * REGS);
	for (uint32_t r = 1; r < REGS; r++)
		say(&text, "st.b32 g[r30d+0x%x], r%u\n", 4 * r, r);
	say(&text, "exit\n");
	machine_open(&ref, "0");
	machine_open(&m, "255");
	compare(&ref, &m);
	machine_close(&m);
	machine_close(&ref);
}

/* A shift of 64 bits by a number, as Mesa writes it. */
static void test_long_shift(void **state)
{
	(void)state;
	by_hand("mov r6, r8\n mov.l r7, 0\n mov.l r1, 2\n iadd.subr r2, r1, 0x20\n"
		"isetp.le.u32 p0, pt, r1, 0x20\n shr.u32 r5, r6, r2\n shl r7, r7, r1\n"
		"@p0 lop.or r5, r7, r5\n shl r1, r6, r1\n iadd.sub r2, rz, r2\n @!p0 shl r5, r6, r2\n"
		"mov r2, r5\n iadd.cc r3, r1, c0[0x10]\n iadd.x r4, r2, c0[0x14]\n");
}

/* The carry is read once more, far behind; the high sum's operand is the low sum. */
static void test_pairs(void **state)
{
	(void)state;
	by_hand("iadd.cc r1, r8, r9\n iadd.x r2, r9, r8\n iadd.x r3, rz, rz\n"
		"iadd.cc r4, r8, r9\n iadd.x r5, r4, r9\n"
		"iadd.cc r6, r9, r9\n iadd.x r6, r8, r8\n"
		"@p0 iadd.cc r7, r8, r9\n @p0 iadd.x r10, r9, r9\n @!p0 iadd.x r11, r9, r9\n"
		"iadd.cc r12, r8, r9\n joinat j\n @p1 bra k\n nop.join\nk:\n nop.join\nj:\n"
		"iadd.x r13, rz, rz\n");
}

/* A number that only one way brings; a counter; a copy whose source changes. */
static void test_meetings(void **state)
{
	(void)state;
	by_hand("mov.l r1, 5\n joinat a\n @p0 bra b\n mov.l r1, 6\n nop.join\nb:\n nop.join\na:\n"
		"iadd r2, r1, 1\n"
		"mov r20, rz\n mov.l r3, 1\n prebrk c\nd:\n isetp.ge.u32 p2, pt, r20, 9\n @p2 brk\n"
		"iadd r20, r20, 1\n iadd r3, r3, r3\n bra d\nc:\n"
		"mov r4, r8\n mov r8, r9\n iadd r5, r4, r8\n mov r6, r14\n @p0 mov r14, r8\n iadd r7, r6, r14\n");
}

/* Left by a branch out of loops, and out of a join's region. */
static void test_ways_out(void **state)
{
	(void)state;
	by_hand("mov r20, rz\n joinat far\n prebrk e\nf:\n precont f\n iadd r20, r20, 1\n"
		"lop.and r1, r8, 3\n isetp.gt.u32 p0, pt, r20, r1\n @p0 bra leave\n"
		"isetp.gt.u32 p1, pt, r20, 2\n @p1 brk\n iadd r2, r2, r20\n cont\ne:\n"
		"iadd r2, r2, 7\n nop.join\nfar:\n iadd r3, r2, 1\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),	 cmocka_unit_test(test_long_shift),
		cmocka_unit_test(test_pairs),	 cmocka_unit_test(test_meetings),
		cmocka_unit_test(test_ways_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
