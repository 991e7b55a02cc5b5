// SPDX-License-Identifier: MIT
/*
 * Random divergent programs against a reference that runs one lane at a time
 * and knows nothing of masks: nested ifs, loops with breaks and continues, early
 * exits.  A lane's result is a hash of the path it took.
 */
#include "tests/unit/dev/smkit.h"

#define OUT SK_BUF
#define THREADS 256
#define TEXT_MAX 65536

/*
 * A program is a tree of statements over the accumulator r5, with the lane's
 * own random word in r6 and loop counters in r20 + depth.
 */
enum kind { MIX, IF, LOOP, BRK, CONT, EXIT, NR_KINDS };

struct stmt {
	enum kind kind;
	uint32_t k;	      /* MIX: constant; others: bit of the lane's word; LOOP: rounds */
	uint32_t depth;	      /* LOOP: nesting */
	int then, other, next; /* statements; -1: none */
};

struct prog {
	struct stmt s[400];
	int n;
	char text[TEXT_MAX];
	size_t len;
	uint32_t labels;
};

static int build(struct prog *p, uint64_t *seed, int level, uint32_t loops)
{
	int first = -1, last = -1, count = 1 + (int)(kit_rand(seed) >> 20) % 3;

	for (int i = 0; i < count && p->n < 390; i++) {
		int at = p->n++;
		struct stmt *s = &p->s[at];
		uint32_t r = (uint32_t)(kit_rand(seed) >> 33);

		*s = (struct stmt){ .kind = (enum kind)(r % NR_KINDS), .k = r >> 8 & 31,
				    .then = -1, .other = -1, .next = -1 };
		if (level == 0 && (s->kind == IF || s->kind == LOOP))
			s->kind = MIX;
		if (!loops && (s->kind == BRK || s->kind == CONT))
			s->kind = MIX;
		if (s->kind == EXIT && r >> 16 & 3)
			s->kind = MIX; /* rare, else nobody is left */
		if (s->kind == MIX)
			s->k = r >> 4 | 1;
		if (s->kind == IF) {
			int then = build(p, seed, level - 1, loops);
			int other = r >> 20 & 1 ? build(p, seed, level - 1, loops) : -1;

			p->s[at].then = then;
			p->s[at].other = other;
		}
		if (s->kind == LOOP) {
			int then;

			s->depth = loops;
			s->k = 1 + (r >> 12) % 5;
			then = build(p, seed, level - 1, loops + 1);
			p->s[at].then = then;
		}
		if (last >= 0)
			p->s[last].next = at;
		else
			first = at;
		last = at;
	}
	return first;
}

static void say(struct prog *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void say(struct prog *p, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	p->len += (size_t)vsnprintf(p->text + p->len, TEXT_MAX - p->len, fmt, ap);
	va_end(ap);
	assert_true(p->len < TEXT_MAX);
}

/* p0 = bit k of the lane's word, mixed with the accumulator so that rounds differ. */
static void say_test(struct prog *p, uint32_t k)
{
	say(p, "lop.xor r7, r6, r5\n shr.u32 r7, r7, %u\n lop.and r7, r7, 1\n"
	       "isetp.ne.u32 p0, pt, r7, rz\n", k);
}

static void emit(struct prog *p, int at);

static void emit_if(struct prog *p, const struct stmt *s)
{
	uint32_t l = p->labels++;

	say(p, "joinat end%u\n", l);
	say_test(p, s->k);
	say(p, "@!p0 bra else%u\n", l);
	emit(p, s->then);
	say(p, "nop.join\nelse%u:\n", l);
	emit(p, s->other);
	say(p, "nop.join\nend%u:\n", l);
}

static void emit_loop(struct prog *p, const struct stmt *s)
{
	uint32_t l = p->labels++, r = 20 + s->depth;

	say(p, "mov r%u, rz\n prebrk out%u\nhead%u:\n precont head%u\n", r, l, l, l);
	say(p, "isetp.ge.u32 p0, pt, r%u, %u\n @p0 brk\n iadd r%u, r%u, 1\n", r, s->k, r, r);
	emit(p, s->then);
	say(p, "cont\nout%u:\n", l);
}

static void emit(struct prog *p, int at)
{
	for (; at >= 0; at = p->s[at].next) {
		const struct stmt *s = &p->s[at];

		switch (s->kind) {
		case MIX:
			say(p, "imad.u32.u32 r5, r5, 0x5bd1, r6\n lop.xor r5, r5, %u\n",
			    s->k & 0x7ffff);
			break;
		case IF:
			emit_if(p, s);
			break;
		case LOOP:
			emit_loop(p, s);
			break;
		default:
			say_test(p, s->k);
			say(p, "@p0 %s\n", s->kind == BRK ? "brk" : s->kind == CONT ? "cont" :
								     "bra leave");
			break;
		}
	}
}

/* How a lane left a list of statements. */
enum how { FELL, BROKE, CONTINUED, LEFT };

static enum how walk(const struct prog *p, int at, uint32_t word, uint32_t *acc)
{
	enum how how = FELL;

	for (; at >= 0 && how == FELL; at = p->s[at].next) {
		const struct stmt *s = &p->s[at];
		bool bit = (word ^ *acc) >> (s->k & 31) & 1;

		switch (s->kind) {
		case MIX:
			*acc = (*acc * 0x5bd1 + word) ^ (s->k & 0x7ffff);
			break;
		case IF:
			how = walk(p, bit ? s->then : s->other, word, acc);
			break;
		case LOOP:
			for (uint32_t i = 0; i < s->k && how != LEFT && how != BROKE; i++)
				how = walk(p, s->then, word, acc);
			how = how == LEFT ? LEFT : FELL;
			break;
		default:
			if (bit)
				how = s->kind == BRK ? BROKE : s->kind == CONT ? CONTINUED : LEFT;
			break;
		}
	}
	return how;
}

static struct prog prog;

static void one(struct sk *s, uint64_t seed)
{
	uint32_t out[THREADS], first, e;

	memset(&prog, 0, sizeof(prog));
	first = (uint32_t)build(&prog, &seed, 4, 0);
	say(&prog, "s2r r0, %%tid.x\n shl r4, r0, 2\n iadd.cc r2, r4, c0[0x0]\n"
		   "iadd.x r3, rz, c0[0x4]\n mov r5, r0\n imad.u32.u32 r6, r0, c0[0x8], r0\n"
		   "shr.u32 r7, r6, 7\n lop.xor r6, r6, r7\n");
	emit(&prog, (int)first);
	say(&prog, "leave:\n st.b32 g[r2d], r5\n exit\n");
	s->entry = 0;
	e = sk_program(s, prog.text);
	sk_run(s, e, &(struct sk_grid){ .block = { THREADS } });
	sk_rd(s, OUT, out, sizeof(out));
	for (uint32_t i = 0; i < THREADS; i++) {
		uint32_t word = i * 0x9e3779b1u + i, acc = i;

		word ^= word >> 7;
		walk(&prog, (int)first, word, &acc);
		if (out[i] != acc)
			fail_msg("lane %u: %08x, not %08x, of\n%s", i, out[i], acc, prog.text);
	}
}

static void test_random(void **state)
{
	struct sk s;

	(void)state;
	sk_open(&s, "clock=manual,sm=1");
	sk_const_va(&s, 0, OUT);
	sk_const(&s, 2, 0x9e3779b1u);
	for (uint64_t n = 1; n <= 300; n++)
		one(&s, n * 0x2545f4914f6cdd1dull);
	sk_close(&s);
}

/*
 * Lane 0 of each quad goes on alone; inside quadon its ended neighbours work too, and what they
 * computed can be fetched from them; after quadpop they are gone again.
 */
static void test_quadon(void **state)
{
	uint32_t out[8], v;
	struct sk s;

	(void)state;
	sk_open(&s, "clock=manual,sm=1");
	sk_const_va(&s, 0, OUT);
	for (uint32_t i = 0; i < 8; i++) {
		v = 0x5eed;
		sk_wr(&s, OUT + 4 * i, &v, 4);
	}
	/* 6 threads: the second quad's lanes 2 and 3 never were. */
	sk_run(&s, sk_program(&s,
			      "s2r r0, %laneid\n shl r4, r0, 2\n iadd.cc r2, r4, c0[0x0]\n"
			      "iadd.x r3, rz, c0[0x4]\n lop.and r5, r0, 3\n"
			      "isetp.ne.u32 p0, pt, r5, rz\n @p0 exit\n"
			      "quadon\n s2r r6, %laneid\n iadd r6, r6, 100\n i2f.f32.u32 r6, r6\n"
			      "quadop.add.add.add.add.l3 r7, r6, rz\n quadpop\n"
			      "f2i.u32.f32.rz r7, r7\n st.b32 g[r2d], r7\n exit\n"),
	       &(struct sk_grid){ .block = { 6 } });
	sk_rd(&s, OUT, out, sizeof(out));
	for (uint32_t i = 0; i < 8; i++)
		assert_int_equal(out[i], i % 4 ? 0x5eed : 100 + i + 3);
	sk_close(&s);
}

static void test_quadpop_alone(void **state)
{
	struct sk s;

	(void)state;
	sk_open(&s, "clock=manual,sm=1");
	sk_launch(&s, sk_program(&s, "quadpop\n exit\n"), &(struct sk_grid){ .block = { 32 } });
	fk_go(&s.c);
	assert_int_not_equal(sk_intr(&s), 0);
	sk_close(&s);
}

/* A jump table by register and one in constants, four ways each. */
static void test_indirect(void **state)
{
	uint32_t out[64], entry;
	struct sk s;

	(void)state;
	sk_open(&s, "clock=manual,sm=1");
	sk_const_va(&s, 0, OUT);
	entry = sk_program(&s,
			   "s2r r0, %tid.x\n shl r4, r0, 2\n iadd.cc r2, r4, c0[0x0]\n"
			   "iadd.x r3, rz, c0[0x4]\n lop.and r5, r0, 3\n shl r6, r5, 4\n"
			   "shl r7, r5, 2\n joinat end\n brx r6, ways\n"
			   "ways: mov r8, 10\n nop.join\n mov r8, 11\n nop.join\n"
			   "mov r8, 12\n nop.join\n mov r8, 13\n nop.join\n"
			   "end: joinat end2\n brx.abs c0[r7+0x40]\n"
			   "t0: mov r9, 20\n nop.join\n t1: mov r9, 30\n nop.join\n"
			   "t2: mov r9, 40\n nop.join\n t3: mov r9, 50\n nop.join\n"
			   "end2: iadd r8, r8, r9\n st.b32 g[r2d], r8\n exit\n");
	for (uint32_t i = 0; i < 4; i++)
		sk_const(&s, 16 + i, entry + 8 * 19 + 16 * i);
	sk_run(&s, entry, &(struct sk_grid){ .block = { 64 } });
	sk_rd(&s, OUT, out, sizeof(out));
	for (uint32_t i = 0; i < 64; i++)
		assert_int_equal(out[i], 10 + i % 4 + 20 + 10 * (i % 4));
	sk_close(&s);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random), cmocka_unit_test(test_quadon),
		cmocka_unit_test(test_quadpop_alone), cmocka_unit_test(test_indirect),
	};

	return cmocka_run_group_tests_name("sm_flow", tests, NULL, NULL);
}
