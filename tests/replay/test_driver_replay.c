// SPDX-License-Identifier: MIT
/*
 * Claim: the real driver's whole life - bring-up, address space, channel,
 * copies by every engine in real time, shutdown - can be recorded, and the
 * driver then runs against the recording with no GPU: not one call differs, and
 * VRAM reads back what the engines had put there.
 *
 * The driver waits by reading its fence in VRAM, so all it learns it learns by
 * calls, but for two things that are taken from it: it sets PTIMER by the real
 * clock, and its interrupt thread makes calls between the others' when it likes.
 */
#include <sys/eventfd.h>

#include "gpuvm/base/log.h"
#include "gpuvm/dev/recording.h"
#include "tests/replay/tmpfile.h"
#include "tests/unit/drv/gpu.h"

#define LEN (256u << 10)
#define NR_BY 3 /* M2MF and both copy engines */

static struct bus_ops native, steady;
static int silent_fd; /* never readable */

static void fixed_wr32(struct bus *b, uint32_t reg, uint32_t val)
{
	if (reg == NV_PTIMER_TIME_LO || reg == NV_PTIMER_TIME_HI)
		val = 0;
	native.wr32(b, reg, val);
}

static int no_irq_fd(struct bus *b)
{
	(void)b;
	return silent_fd;
}

/* One run on the GPU of that name; what the last VRAM object holds goes to got. */
static void run(const char *spec, uint8_t *got, struct replay_status *st)
{
	struct drv_cfg cfg = { .fence_vram = true, .timeout_ns = 60 * SECOND };
	struct drv_bo *src, *mid, *dst;
	uint64_t va_s, va_m, va_d;
	struct gpu g = { 0 };
	struct drv_chan *ch;
	struct drv_fence f;
	struct drv_vas *v;
	struct log log = { .out = stderr, .level = LOG_WARN, .name = "replay test" };
	char msg[400];

	if (dev_open(spec, &log, &g.dev, msg, sizeof(msg)) < 0)
		fail_msg("%s", msg);
	assert_int_equal(bus_native_open(g.dev, &g.bus), 0);
	silent_fd = eventfd(0, EFD_CLOEXEC);
	assert_true(silent_fd >= 0);
	native = steady = *g.bus->ops;
	steady.wr32 = fixed_wr32;
	steady.irq_fd = no_irq_fd;
	g.bus->ops = &steady;
	if (drv_open(g.bus, &cfg, &g.drv, msg, sizeof(msg)) < 0) {
		if (st)
			replay_status(g.dev, st);
		fail_msg("drv_open: %s. %s", msg, st ? st->first : "recording");
	}
	assert_int_equal(drv_vas_new(g.drv, &v), 0);
	assert_int_equal(drv_chan_new(v, DRV_ENGINE_ALL, &ch), 0);
	assert_int_equal(drv_bo_new(g.drv, LEN, DRV_BO_SYS, &src), 0);
	assert_int_equal(drv_bo_new(g.drv, LEN, DRV_BO_VRAM, &mid), 0);
	assert_int_equal(drv_bo_new(g.drv, LEN, DRV_BO_VRAM | DRV_BO_SMALL, &dst), 0);
	assert_int_equal(drv_vas_map(v, src, DRV_MAP_RO, &va_s), 0);
	assert_int_equal(drv_vas_map(v, mid, 0, &va_m), 0);
	assert_int_equal(drv_vas_map(v, dst, 0, &va_d), 0);
	fill(drv_bo_cpu(src), LEN, 77);
	for (int by = 0; by < NR_BY; by++) {
		uint64_t off = (uint64_t)by * (LEN / 4);

		if (by == 0) {
			assert_int_equal(drv_copy_m2mf(ch, va_m, va_s, LEN, NULL), 0);
			assert_int_equal(drv_copy_m2mf(ch, va_d, va_m, LEN, &f), 0);
		} else {
			assert_int_equal(drv_copy_ce(ch, by - 1, va_m + off, va_s, LEN / 4, NULL),
					 0);
			assert_int_equal(drv_copy_ce(ch, by - 1, va_d, va_m, LEN, &f), 0);
		}
		assert_int_equal(drv_fence_wait(&f, DRV_WAIT_POLL, 0), 0);
	}
	assert_int_equal(drv_bo_rd(dst, 0, got, LEN), 0);
	drv_close(g.drv);
	bus_close(g.bus);
	close(silent_fd);
	if (st)
		assert_int_equal(replay_status(g.dev, st), 0);
	else
		assert_int_equal(record_status(g.dev), 0);
	dev_close(g.dev);
}

static void driver_runs_on_a_recording(void **state)
{
	static uint8_t want[LEN], src[LEN], a[LEN], b[LEN];
	struct replay_status st;
	struct tmpdir t;
	char spec[160];

	(void)state;
	assert_int_equal(tmpdir_make(&t), 0);
	snprintf(spec, sizeof(spec), "record:%s,sim:vram=256M", t.file);
	run(spec, a, NULL);
	fill(src, LEN, 77);
	memcpy(want, src, LEN);
	memcpy(want + LEN / 4, src, LEN / 4);
	memcpy(want + LEN / 2, src, LEN / 4);
	assert_memory_equal(a, want, LEN);
	snprintf(spec, sizeof(spec), "replay:%s", t.file);
	run(spec, b, &st);
	assert_string_equal(st.first, "");
	assert_int_equal(st.divergences, 0);
	assert_int_equal(st.calls, st.recorded);
	assert_true(st.calls > 1000);
	assert_memory_equal(b, want, LEN);
	tmpdir_drop(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(driver_runs_on_a_recording),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
