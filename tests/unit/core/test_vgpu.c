// SPDX-License-Identifier: MIT
/* A guest's GPU from attach to detach: what it gets, what is refused, what is left behind. */
#include "tests/t.h"

#include <stdio.h>
#include <stdlib.h>

#include "gpuvm/base/mem.h"
#include "tests/unit/core/raw.h"

#define BASE 0x100000ull

static int attach(struct rig *r, const char *name, const struct vgpu_cfg *cfg, struct hv_guest **out)
{
	return hv_null_guest_new(r->hv, name, RIG_RAM, cfg, out);
}

static struct vgpu_cfg full(uint64_t vram)
{
	return (struct vgpu_cfg){ .mode = VGPU_FULL, .vram_len = vram };
}

static void test_modes_have_names(void **state)
{
	enum vgpu_mode m;

	(void)state;
	assert_int_equal(vgpu_mode_parse("full", &m), 0);
	assert_int_equal(m, VGPU_FULL);
	assert_int_equal(vgpu_mode_parse("passthrough", &m), 0);
	assert_string_equal(vgpu_mode_name(m), "passthrough");
	assert_int_equal(vgpu_mode_parse("", &m), -EINVAL);
	assert_int_equal(vgpu_mode_parse("Full", &m), -EINVAL);
	assert_string_equal(vgpu_mode_name((enum vgpu_mode)77), "UNK");
}

/* A log to look into. */
struct sink {
	struct log log;
	char *text;
	size_t len;
};

static void sink_open(struct sink *s, struct rig *r)
{
	s->log = (struct log){ .out = open_memstream(&s->text, &s->len), .level = LOG_INFO,
			       .name = "t" };
	r->g->log = &s->log;
}

static const char *sink_text(struct sink *s)
{
	fflush(s->log.out);
	return s->text;
}

static void sink_close(struct sink *s, struct rig *r)
{
	r->g->log = NULL;
	fclose(s->log.out);
	free(s->text);
}

static void test_too_much_vram(void **state)
{
	struct rig *r = *state;
	uint64_t left = part_pool_free_vram(r->g->pool);
	struct vgpu_cfg cfg = full(left + 1);
	struct hv_guest *hg;
	struct sink s;

	sink_open(&s, r);
	assert_int_equal(attach(r, "c", &cfg, &hg), -ENOSPC);
	assert_non_null(strstr(sink_text(&s), "guest c: wants"));
	assert_ptr_equal(strchr(sink_text(&s), '\n') + 1, sink_text(&s) + strlen(sink_text(&s)));
	sink_close(&s, r);
	cfg.vram_len = UINT64_MAX;
	assert_int_equal(attach(r, "c", &cfg, &hg), -ENOSPC);
	cfg.vram_len = 0;
	assert_int_equal(attach(r, "c", &cfg, &hg), -EINVAL);
	assert_int_equal(part_pool_free_vram(r->g->pool), left);
	assert_int_equal(r->g->nr_vgpus, 2);
	cfg.vram_len = left;
	assert_int_equal(attach(r, "c", &cfg, &hg), 0);
	hv_null_guest_free(hg);
	assert_int_equal(part_pool_free_vram(r->g->pool), left);
}

static void test_too_many_guests(void **state)
{
	struct rig *r = *state;
	struct vgpu_cfg cfg = full(1);
	struct hv_guest *hg[LIMIT_VGPUS];
	uint64_t left = part_pool_free_vram(r->g->pool);
	int n = 0;
	struct sink s;

	sink_open(&s, r);
	while (n < LIMIT_VGPUS && !attach(r, "many", &cfg, &hg[n]))
		n++;
	assert_non_null(strstr(sink_text(&s), "too many guests"));
	sink_close(&s, r);
	assert_in_range(n, 4, LIMIT_VGPUS - 2);
	assert_true(r->g->shadow_reserved <= r->g->shadow_avail);
	assert_int_equal(gpuvm_audit(r->g, stderr), 0);
	while (n)
		hv_null_guest_free(hg[--n]);
	assert_int_equal(part_pool_free_vram(r->g->pool), left);
}

static void test_vram_is_clean(void **state)
{
	struct rig *r = *state;
	struct vgpu_cfg cfg = full(8 << 20);
	struct hv_guest *hg;
	const hvram_t *chunk;
	uint32_t nr, w;

	assert_int_equal(attach(r, "c", &cfg, &hg), 0);
	chunk = part_chunks(((struct vgpu *)hg->vgpu)->part, &nr);
	assert_int_equal(nr, 4);
	hvram_t where[4] = { chunk[0], chunk[1], chunk[2], chunk[3] };

	for (uint32_t i = 0; i < 4; i++)
		for (uint64_t at = 0; at < PART_CHUNK_LEN; at += 65536) {
			w = 0xdeadbeef;
			dev_vram_wr(r->g->dev, hvram(hvram_x(where[i]) + at), &w, 4);
		}
	hv_null_guest_free(hg);
	/* Scrubbed when given back... */
	for (uint32_t i = 0; i < 4; i++)
		for (uint64_t at = 0; at < PART_CHUNK_LEN; at += 65536) {
			dev_vram_rd(r->g->dev, hvram(hvram_x(where[i]) + at), &w, 4);
			assert_int_equal(w, 0);
			w = 0xdeadbeef; /* ...and once more when given out, whoever wrote to it between */
			dev_vram_wr(r->g->dev, hvram(hvram_x(where[i]) + at), &w, 4);
		}
	assert_int_equal(attach(r, "d", &cfg, &hg), 0);
	for (uint32_t i = 0; i < 4; i++)
		for (uint64_t at = 0; at < PART_CHUNK_LEN; at += 65536) {
			dev_vram_rd(r->g->dev, hvram(hvram_x(where[i]) + at), &w, 4);
			assert_int_equal(w, 0);
		}
	hv_null_guest_free(hg);
}

static void test_name_cannot_forge_a_line(void **state)
{
	struct rig *r = *state;
	struct vgpu_cfg cfg = full(2 << 20);
	struct hv_guest *hg;
	struct sink s;

	sink_open(&s, r);
	assert_int_equal(attach(r, "x\nt: error: fire\033[2J", &cfg, &hg), 0);
	vgpu_fault(hg->vgpu, "said %s", "something");
	assert_null(strstr(sink_text(&s), "\nt: error"));
	assert_null(strchr(sink_text(&s), '\033'));
	hv_null_guest_free(hg);
	sink_close(&s, r);
}

static void test_fault_log_is_limited(void **state)
{
	struct rig *r = *state;
	struct sink s;
	int lines = 0;

	dev_advance(r->g->dev, 2000000000ull);
	sink_open(&s, r);
	for (int i = 0; i < 1000; i++)
		vgpu_fault(r->v[0], "no %d", i);
	for (const char *p = sink_text(&s); *p; p++)
		lines += *p == '\n';
	assert_int_equal(lines, LIMIT_GUEST_LOG_LINES);
	assert_int_equal(r->v[0]->stats.guest_faults, 1000);
	dev_advance(r->g->dev, 1000000000ull);
	vgpu_fault(r->v[0], "again");
	assert_non_null(strstr(sink_text(&s), "again (995 more since)"));
	sink_close(&s, r);
}

/* The n-th allocation or port call fails, for every n: nothing stays behind. */
static int fail_in;
static int fail_nth(void)
{
	return fail_in && !--fail_in;
}

static void check_untouched(struct rig *r, uint64_t vram, uint64_t heap)
{
	assert_int_equal(r->g->nr_vgpus, 2);
	assert_int_equal(part_pool_free_vram(r->g->pool), vram);
	assert_int_equal(vheap_used(r->g->heap), heap);
	assert_int_equal(gpuvm_audit(r->g, stderr), 0);
}

static void test_half_built(void **state)
{
	struct rig *r = *state;
	uint64_t vram = part_pool_free_vram(r->g->pool), heap = vheap_used(r->g->heap);
	uint64_t reserved = r->g->shadow_reserved;
	struct vgpu_cfg cfg = full(6 << 20);
	struct hv_guest *hg = NULL;
	int n, err = -1;

	for (n = 1; n < 500; n++) {
		fail_in = n;
		mem_fault_hook = fail_nth;
		err = attach(r, "c", &cfg, &hg);
		mem_fault_hook = NULL;
		if (!err)
			hv_null_guest_free(hg);
		if (fail_in)
			break;
		check_untouched(r, vram, heap);
		assert_int_equal(r->g->shadow_reserved, reserved);
	}
	assert_int_equal(err, 0);
	assert_in_range(n, 10, 499);
	for (n = 1; n < 5; n++) {
		hv_null_fail_after(r->hv, (unsigned int)n, -EIO);
		err = attach(r, "c", &cfg, &hg);
		hv_null_fail_after(r->hv, 0, 0);
		if (!err)
			hv_null_guest_free(hg);
		check_untouched(r, vram, heap);
	}
}

static void test_access_is_counted_and_defined(void **state)
{
	struct rig *r = *state;
	struct hv_access a = { .space = HV_BAR_PV, .off = 0, .size = 4 };
	uint64_t before = r->v[0]->stats.reads[HV_BAR0];

	rd(r, 0, NV_PMC_BOOT_0);
	assert_int_equal(r->v[0]->stats.reads[HV_BAR0], before + 1);
	assert_int_equal(vgpu_access(r->v[0], &a), -EINVAL);
	assert_int_equal(a.val, 0xffffffff);
	a = (struct hv_access){ .space = (enum hv_space)99, .size = 8, .write = true, .val = 1 };
	assert_int_equal(vgpu_access(r->v[0], &a), -EINVAL);
	a = (struct hv_access){ .space = (enum hv_space)99, .size = 0 };
	assert_int_equal(vgpu_access(r->v[0], &a), -EINVAL);
	a = (struct hv_access){ .space = HV_BAR0, .size = 255 };
	assert_true(vgpu_access(r->v[0], &a) < 0);
}

static void test_fail_safe(void **state)
{
	struct rig *r = *state;
	struct raw a, b;

	raw_start(&a, r, 0, 5, BASE);
	raw_start(&b, r, 1, 5, BASE);
	raw_hang(&a, 0);
	raw_submit(&a);
	raw_run(r, 2);
	vgpu_fail(r->v[0], "test");
	assert_null(r->v[0]->chan[5]);
	assert_int_equal(rd(r, 0, NV_PMC_BOOT_0), 0xffffffff);
	wr(r, 0, NV_PFIFO_CHAN_INST, CHAN_INST_VALID | BASE >> 12);
	assert_null(r->v[0]->chan[0]);
	raw_fence(&b);
	raw_submit(&b);
	assert_true(raw_wait(&b));
	vgpu_reset(r->v[0]);
	assert_int_equal(rd(r, 0, NV_PMC_BOOT_0), GF100_BOOT_0);
	raw_start(&a, r, 0, 5, BASE);
	raw_fence(&a);
	raw_submit(&a);
	assert_true(raw_wait(&a));
}

static void test_reset_keeps_vram(void **state)
{
	struct rig *r = *state;
	struct raw a;

	raw_start(&a, r, 0, 5, BASE);
	vram_wr32(r, 0, 0x400000, 0x1234);
	raw_hang(&a, 0);
	raw_submit(&a);
	raw_run(r, 2);
	vgpu_reset(r->v[0]);
	assert_null(r->v[0]->chan[5]);
	assert_int_equal(part_pool_free_chans(r->g->pool), GF100_NR_CHAN);
	assert_int_equal(rd(r, 0, NV_PFIFO_ENABLE), 0);
	assert_int_equal(vram_rd32(r, 0, 0x400000), 0x1234);
	raw_start(&a, r, 0, 5, BASE);
	raw_fence(&a);
	raw_submit(&a);
	assert_true(raw_wait(&a));
}

/* RAM that a GPU table refers to goes away: the entry goes with it, before the memory does. */
static void test_revoked_ram(void **state)
{
	struct rig *r = *state;
	uint32_t *ram = hv_null_ram(r->hg[0]);
	struct raw a;

	raw_start(&a, r, 0, 5, BASE);
	raw_map(&a, 0x200000, raw_pte(0x200000));
	raw_map(&a, 0x210000, raw_pte_sys(0x10000));
	raw_map(&a, 0x211000, raw_pte_sys(0x20000));
	raw_flush(&a);
	vram_wr32(r, 0, 0x200000, 0x7777);
	assert_true(raw_copy(&a, 0x210000, 0x200000, 4));
	assert_int_equal(ram[0x10000 / 4], 0x7777);
	raw_hang(&a, 0);
	raw_submit(&a);
	raw_run(r, 2);
	assert_int_equal(hv_null_revoke(r->hg[0], gpa(0x10000), 4096), -EBUSY);
	vram_wr32(r, 0, BASE + RAW_FENCE + 16, 0x600d600d);
	raw_run(r, 5);
	assert_int_equal(hv_null_revoke(r->hg[0], gpa(0x10000), 4096), 0);
	assert_int_equal(hv_null_pins(r->hg[0]), 1);
	assert_int_equal(r->v[0]->nr_ram, 2);
	assert_int_equal(gpuvm_audit(r->g, stderr), 0);
	/* The rest is still there; the page is not. */
	assert_true(raw_copy(&a, 0x211000, 0x200000, 4));
	assert_int_equal(ram[0x20000 / 4], 0x7777);
	ram[0x10000 / 4] = 0;
	raw_m2mf(&a, 0x210000, 0x200000, 4);
	raw_fence(&a);
	raw_submit(&a);
	raw_run(r, 5);
	assert_true(raw_dead(&a));
	assert_int_equal(ram[0x10000 / 4], 0);
}

static void test_dump_and_find(void **state)
{
	struct rig *r = *state;
	struct raw a;
	char *text;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	raw_start(&a, r, 0, 5, BASE);
	vgpu_dump(r->v[0], f);
	fclose(f);
	assert_non_null(strstr(text, "guest a: full"));
	assert_non_null(strstr(text, "channel 5 (card"));
	free(text);
	assert_ptr_equal(gpuvm_find(r->g, "a"), r->v[0]);
	assert_ptr_equal(gpuvm_find(r->g, "b"), r->v[1]);
	assert_null(gpuvm_find(r->g, "c"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_modes_have_names),
		RIG_TEST(test_too_much_vram),
		RIG_TEST(test_too_many_guests),
		RIG_TEST(test_vram_is_clean),
		RIG_TEST(test_name_cannot_forge_a_line),
		RIG_TEST(test_fault_log_is_limited),
		RIG_TEST(test_half_built),
		RIG_TEST(test_access_is_counted_and_defined),
		RIG_TEST(test_fail_safe),
		RIG_TEST(test_reset_keeps_vram),
		RIG_TEST(test_revoked_ram),
		RIG_TEST(test_dump_and_find),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
