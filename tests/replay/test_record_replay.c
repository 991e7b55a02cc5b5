// SPDX-License-Identifier: MIT
/*
 * Claim: a recorded run replays bit for bit, and a call that differs is told.
 *
 * A pseudo-random sequence of calls is made on a recording device and its
 * answers kept: values, data, interrupts as they arrive between calls, and the
 * contents of bus memory.  The same sequence on the replaying device must get
 * the same answers, with no device there.
 */
#include "tests/t.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>

#include "gpuvm/base/bits.h"
#include "gpuvm/base/mem.h"
#include "gpuvm/dev/dev.h"
#include "gpuvm/dev/recording.h"
#include "gpuvm/fermi/regs.h"
#include "tests/replay/tmpfile.h"

#define SIM "sim:vram=256M,clock=manual"
#define NR_CALLS 3000
#define BUS_LEN (3 * 4096u)
#define BUS_AT 0x40000000ull

/* Who makes the calls, and all he has seen. */
struct drive {
	struct dev *d;
	unsigned int seed;
	int irq; /* the device's, or negative */
	bool mapped;
	bool owner_writes; /* only while recording: stands for the device writing by DMA */
	uint8_t bus[BUS_LEN];
	uint64_t seen[NR_CALLS]; /* digest of what each call answered */
	unsigned int irqs;
};

static unsigned int rnd(struct drive *v, unsigned int n)
{
	return (unsigned int)rand_r(&v->seed) % n;
}

static uint64_t mix(uint64_t h, const void *p, size_t len)
{
	for (const uint8_t *b = p; len--; b++)
		h = (h ^ *b) * 0x100000001b3ull;
	return h;
}

static uint64_t mix64(uint64_t h, uint64_t v)
{
	return mix(h, &v, sizeof(v));
}

static uint64_t do_regs(struct drive *v, uint64_t h)
{
	static const uint32_t regs[] = { NV_PMC_BOOT_0, NV_PMC_INTR, NV_PTIMER_INTR,
					 NV_PTIMER_TIME_LO, NV_PTIMER_ALARM };
	uint32_t reg = regs[rnd(v, ARRAY_SIZE(regs))], now;

	switch (rnd(v, 4)) {
	case 0: /* an alarm soon, and let it through; a driver's ack comes with it */
		now = dev_rd32(v->d, NV_PTIMER_TIME_LO);
		dev_wr32(v->d, NV_PTIMER_ALARM, now + 64 * rnd(v, 64));
		dev_wr32(v->d, NV_PTIMER_INTR, 1);
		dev_wr32(v->d, NV_PTIMER_INTR_EN, 1);
		dev_wr32(v->d, NV_PMC_INTR_EN, 1);
		return h;
	case 1:
		dev_wr32(v->d, NV_PMC_INTR_EN, rnd(v, 2));
		return h;
	default:
		return mix64(h, dev_rd32(v->d, reg));
	}
}

static uint64_t do_vram(struct drive *v, uint64_t h)
{
	uint8_t buf[700];
	size_t len = rnd(v, sizeof(buf));
	/* Now and then outside: the error is an answer too. */
	hvram_t at = hvram(rnd(v, 16) ? rnd(v, 1 << 19) : ~0ull - rnd(v, 100));

	switch (rnd(v, 3)) {
	case 0:
		memset(buf, (int)rnd(v, 256), sizeof(buf));
		return mix64(h, (uint64_t)dev_vram_wr(v->d, at, buf, len));
	case 1:
		return mix64(h, (uint64_t)dev_vram_zero(v->d, at, len));
	default:
		memset(buf, 0x5a, sizeof(buf));
		h = mix64(h, (uint64_t)dev_vram_rd(v->d, at, buf, len));
		return mix(h, buf, sizeof(buf));
	}
}

static uint64_t do_bar(struct drive *v, uint64_t h)
{
	int size = 1 << rnd(v, 4);
	uint64_t off = align_down(NV_PRAMIN + rnd(v, 1 << 16), (uint64_t)size);

	if (rnd(v, 2))
		return mix64(h, dev_bar_rd(v->d, 0, off, size));
	dev_bar_wr(v->d, 0, off, size, rnd(v, 1 << 30) * 0x123456789ull);
	return h;
}

/* Bytes that only the recording side writes; replay must bring them. */
static void device_writes(struct drive *v)
{
	unsigned int nr = rnd(v, 4), at = rnd(v, BUS_LEN - 64), val = rnd(v, 256);

	if (v->owner_writes && v->mapped && nr)
		memset(v->bus + at, (int)val, nr * 16);
}

static uint64_t do_bus(struct drive *v, uint64_t h)
{
	/* From here on nothing of the old contents may matter. */
	if (!v->mapped)
		memset(v->bus, 0, sizeof(v->bus));
	if (v->mapped && rnd(v, 4) == 0) {
		device_writes(v);
		h = mix64(h, (uint64_t)dev_dma_unmap(v->d, dma(BUS_AT), BUS_LEN));
		h = mix(h, v->bus, sizeof(v->bus));
		v->mapped = false;
	} else {
		int r = dev_dma_map(v->d, dma(BUS_AT), v->bus, BUS_LEN);

		h = mix64(h, (uint64_t)r);
		v->mapped |= r == 0;
	}
	return mix64(h, (uint64_t)dev_dma_unmap(v->d, dma(BUS_AT + BUS_LEN), 4096));
}

static uint64_t one_call(struct drive *v)
{
	uint64_t h = 0xcbf29ce484222325ull, count = 0;

	switch (rnd(v, 8)) {
	case 0:
	case 1:
		h = do_regs(v, h);
		break;
	case 2:
	case 3:
		h = do_vram(v, h);
		break;
	case 4:
		h = do_bar(v, h);
		break;
	case 5:
		h = do_bus(v, h);
		break;
	case 6:
		h = mix64(h, dev_now(v->d));
		break;
	default:
		device_writes(v);
		h = mix64(h, (uint64_t)dev_advance(v->d, rnd(v, 4000)));
		h = mix(h, v->bus, sizeof(v->bus));
		break;
	}
	if (v->irq >= 0 && read(v->irq, &count, sizeof(count)) == sizeof(count))
		v->irqs++;
	return mix64(h, count);
}

static struct drive *drive_open(const char *spec)
{
	struct drive *v = calloc(1, sizeof(*v));
	char msg[512] = "";

	assert_non_null(v);
	if (dev_open(spec, NULL, &v->d, msg, sizeof(msg)) < 0)
		fail_msg("%s: %s", spec, msg);
	v->seed = 42;
	v->irq = dev_irq_fd(v->d);
	return v;
}

static void drive_close(struct drive *v)
{
	dev_close(v->d);
	free(v);
}

static struct drive *record_run(const struct tmpdir *t, const char *gpu)
{
	char spec[160];
	struct drive *v;

	snprintf(spec, sizeof(spec), "record:%s,%s", t->file, gpu);
	v = drive_open(spec);
	v->owner_writes = true;
	for (int i = 0; i < NR_CALLS; i++)
		v->seen[i] = one_call(v);
	assert_int_equal(dev_reset(v->d), 0);
	assert_int_equal(record_status(v->d), 0);
	return v;
}

static struct drive *replay_of(const struct tmpdir *t)
{
	char spec[160];

	snprintf(spec, sizeof(spec), "replay:%s", t->file);
	return drive_open(spec);
}

static void bit_for_bit(const char *gpu, bool irqs)
{
	struct replay_status st;
	struct tmpdir t;
	struct drive *a, *b;

	assert_int_equal(tmpdir_make(&t), 0);
	a = record_run(&t, gpu);
	assert_int_equal(replay_status(a->d, &st), -EINVAL);
	dev_close(a->d); /* the end record */
	a->d = NULL;
	if (irqs)
		assert_true(a->irqs > 10);
	for (int round = 0; round < 2; round++) {
		b = replay_of(&t);
		assert_int_equal(record_status(b->d), -EINVAL);
		for (int i = 0; i < NR_CALLS; i++) {
			b->seen[i] = one_call(b);
			if (b->seen[i] != a->seen[i]) {
				replay_status(b->d, &st);
				fail_msg("%s: call %d answers otherwise. %s", gpu, i, st.first);
			}
		}
		assert_int_equal(dev_reset(b->d), 0);
		assert_int_equal(replay_status(b->d, &st), 0);
		assert_int_equal(st.divergences, 0);
		assert_int_equal(st.calls, st.recorded);
		assert_int_equal(a->irqs, b->irqs);
		drive_close(b);
	}
	drive_close(a);
	tmpdir_drop(&t);
}

static void null_bit_for_bit(void **state)
{
	(void)state;
	bit_for_bit("null", false);
}

static void sim_bit_for_bit(void **state)
{
	(void)state;
	bit_for_bit(SIM, true);
}

static void same_device_seen_through_both(void **state)
{
	struct tmpdir t;
	struct drive *plain, *v;
	char spec[160];

	(void)state;
	assert_int_equal(tmpdir_make(&t), 0);
	plain = drive_open(SIM);
	snprintf(spec, sizeof(spec), "record:%s,%s", t.file, SIM);
	v = drive_open(spec);
	for (int i = 0; i < 2; i++) {
		assert_memory_equal(&v->d->info, &plain->d->info, sizeof(v->d->info));
		assert_int_equal(v->d->ops->caps, plain->d->ops->caps & ~(uint32_t)DEV_CAP_VRAM_FD);
		assert_int_equal(dev_vram_fd(v->d, hvram(0), 2 << 20, &(int){ 0 }), -EOPNOTSUPP);
		assert_true(v->irq >= 0);
		drive_close(v);
		if (i == 0)
			v = replay_of(&t);
	}
	drive_close(plain);
	tmpdir_drop(&t);
}

/* ---- calls that differ ---------------------------------------------------- */

static void short_run(struct dev *d)
{
	dev_wr32(d, NV_PTIMER_ALARM, 5);
	dev_vram_wr(d, hvram(0x100), "abcdefgh", 8);
	dev_bar_rd(d, 0, NV_PMC_BOOT_0, 4);
}

static void c_value(struct dev *d)
{
	dev_wr32(d, NV_PTIMER_ALARM, 6);
}

static void c_reg(struct dev *d)
{
	dev_wr32(d, NV_PMC_INTR_EN, 5);
}

static void c_kind(struct dev *d)
{
	dev_rd32(d, NV_PTIMER_ALARM);
}

static void c_length(struct dev *d)
{
	dev_wr32(d, NV_PTIMER_ALARM, 5);
	dev_vram_wr(d, hvram(0x100), "abcdefgh", 7);
}

static void c_data(struct dev *d)
{
	dev_wr32(d, NV_PTIMER_ALARM, 5);
	dev_vram_wr(d, hvram(0x100), "abcdeXgh", 8);
}

static void c_size(struct dev *d)
{
	dev_wr32(d, NV_PTIMER_ALARM, 5);
	dev_vram_wr(d, hvram(0x100), "abcdefgh", 8);
	dev_bar_rd(d, 0, NV_PMC_BOOT_0, 2);
}

static void c_too_many(struct dev *d)
{
	short_run(d);
	dev_reset(d);
}

static void one_line_tells_what_differs(void **state)
{
	static const struct {
		void (*run)(struct dev *);
		const char *call, *want, *got;
	} cases[] = {
		{ c_value, "call 1 (byte 120)", "expected wr32 reg=0x9420 val=0x5", "val=0x6" },
		{ c_reg, "call 1 ", "expected wr32 reg=0x9420 val=0x5",
		  "got wr32 reg=0x140 val=0x5" },
		{ c_kind, "call 1 ", "expected wr32", "got rd32 reg=0x9420" },
		{ c_length, "call 2 ", "expected vram_wr at=0x100 len=0x8", "len=0x7" },
		{ c_data, "call 2 ", "expected byte 0x66 at 0x5", "got 0x58" },
		{ c_size, "call 3 ", "expected bar_rd bar=0x0 off=0x0 size=0x4", "size=0x2" },
		{ c_too_many, "call 4 ", "expected end", "got reset" },
	};
	struct replay_status st;
	struct tmpdir t;
	struct drive *v;
	char spec[160];
	uint8_t buf[8] = "unmoved";

	(void)state;
	assert_int_equal(tmpdir_make(&t), 0);
	snprintf(spec, sizeof(spec), "record:%s,null", t.file);
	v = drive_open(spec);
	short_run(v->d);
	drive_close(v);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		v = replay_of(&t);
		cases[i].run(v->d);
		assert_int_equal(replay_status(v->d, &st), 0);
		if (st.divergences != 1 || !strstr(st.first, cases[i].call) ||
		    !strstr(st.first, cases[i].want) || !strstr(st.first, cases[i].got))
			fail_msg("case %zu: %s", i, st.first);
		assert_null(strchr(st.first, '\n'));
		/* Lost for good: even what would fit again is not answered. */
		assert_int_equal(dev_rd32(v->d, NV_PMC_BOOT_0), UINT32_MAX);
		assert_int_equal(dev_bar_rd(v->d, 0, 0, 2), 0xffff);
		assert_true(dev_bar_rd(v->d, 0, 0, 8) == UINT64_MAX);
		assert_int_equal(dev_vram_rd(v->d, hvram(0), buf, 8), -EPROTO);
		assert_string_equal((char *)buf, "unmoved");
		assert_int_equal(dev_vram_wr(v->d, hvram(0), buf, 8), -EPROTO);
		assert_int_equal(dev_reset(v->d), -EPROTO);
		assert_true(dev_now(v->d) < dev_now(v->d));
		assert_int_equal(replay_status(v->d, &st), 0);
		assert_int_equal(st.divergences, 1 + 8);
		drive_close(v);
	}
	tmpdir_drop(&t);
}

/* ---- an interrupt that comes between calls --------------------------------- */

/* The alarm comes from the device's own thread in real time; nothing is called meanwhile. */
static void alarm_run(struct drive *v)
{
	struct pollfd p = { .fd = v->irq, .events = POLLIN };
	uint64_t count = 0;
	uint32_t now;

	assert_true(v->irq >= 0);
	dev_wr32(v->d, NV_PTIMER_INTR_EN, 1);
	dev_wr32(v->d, NV_PMC_INTR_EN, 1);
	now = dev_rd32(v->d, NV_PTIMER_TIME_LO);
	dev_wr32(v->d, NV_PTIMER_ALARM, now + (1u << 20));
	assert_int_equal(poll(&p, 1, 20000), 1);
	assert_int_equal(read(v->irq, &count, sizeof(count)), sizeof(count));
	assert_true(count >= 1);
	assert_int_equal(dev_rd32(v->d, NV_PTIMER_INTR) & 1, 1);
	dev_wr32(v->d, NV_PTIMER_INTR_EN, 0);
}

static void interrupt_between_calls(void **state)
{
	struct replay_status st;
	struct tmpdir t;
	struct drive *v;
	char spec[160];

	(void)state;
	assert_int_equal(tmpdir_make(&t), 0);
	snprintf(spec, sizeof(spec), "record:%s,sim:vram=256M", t.file);
	v = drive_open(spec);
	alarm_run(v);
	assert_int_equal(record_status(v->d), 0);
	drive_close(v);
	v = replay_of(&t);
	alarm_run(v);
	assert_int_equal(replay_status(v->d, &st), 0);
	assert_string_equal(st.first, "");
	assert_int_equal(st.calls, st.recorded);
	drive_close(v);
	tmpdir_drop(&t);
}

/* ---- failing allocations --------------------------------------------------- */

static int fail_at;

static int fail_nth(void)
{
	return fail_at-- == 0;
}

/* Opens spec with the n-th allocation failing, for all n; a failure leaves only one line. */
static unsigned int open_failures(const char *spec)
{
	struct dev *d = NULL;
	unsigned int n = 0;
	char msg[256];
	int r;

	for (;; n++) {
		msg[0] = '\0';
		fail_at = (int)n;
		mem_fault_hook = fail_nth;
		r = dev_open(spec, NULL, &d, msg, sizeof(msg));
		mem_fault_hook = NULL;
		if (r == 0)
			break;
		assert_int_equal(r, -ENOMEM);
		assert_null(d);
		assert_true(strlen(msg) > 0);
	}
	dev_close(d);
	return n;
}

static void allocation_failures(void **state)
{
	struct replay_status st;
	struct tmpdir t;
	struct drive *v;
	char spec[160];
	int r[3];

	(void)state;
	assert_int_equal(tmpdir_make(&t), 0);
	snprintf(spec, sizeof(spec), "record:%s,null", t.file);
	assert_true(open_failures(spec) >= 5);
	/* A mapping that fails for want of memory is an answer like any other. */
	snprintf(spec, sizeof(spec), "record:%s,%s", t.file, SIM);
	v = drive_open(spec);
	for (int i = 0; i < 3; i++) {
		fail_at = i;
		mem_fault_hook = fail_nth;
		r[i] = dev_dma_map(v->d, dma(BUS_AT), v->bus, BUS_LEN);
		mem_fault_hook = NULL;
		if (r[i] == 0)
			dev_dma_unmap(v->d, dma(BUS_AT), BUS_LEN);
	}
	assert_int_equal(r[0], -ENOMEM);
	assert_int_equal(r[1], -ENOMEM);
	drive_close(v);
	snprintf(spec, sizeof(spec), "replay:%s", t.file);
	assert_true(open_failures(spec) >= 2);
	v = replay_of(&t);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(dev_dma_map(v->d, dma(BUS_AT), v->bus, BUS_LEN), r[i]);
		if (r[i] == 0)
			dev_dma_unmap(v->d, dma(BUS_AT), BUS_LEN);
	}
	assert_int_equal(replay_status(v->d, &st), 0);
	assert_string_equal(st.first, "");
	drive_close(v);
	tmpdir_drop(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(null_bit_for_bit),
		cmocka_unit_test(sim_bit_for_bit),
		cmocka_unit_test(same_device_seen_through_both),
		cmocka_unit_test(one_line_tells_what_differs),
		cmocka_unit_test(interrupt_between_calls),
		cmocka_unit_test(allocation_failures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
