// SPDX-License-Identifier: MIT
/* Bring-up and shut-down: what is read, what is refused, what is left behind. */
#include "tests/unit/drv/gpu.h"

static void opens(void **state)
{
	struct gpu g = { 0 };
	const struct drv_info *i;
	struct drv_stats s;

	(void)state;
	gpu_up(&g, NULL);
	i = drv_info(g.drv);
	assert_int_equal(i->boot0, GF100_BOOT_0);
	assert_int_equal(i->vram_len, 256u << 20);
	assert_int_equal(i->nr_pbdma, GF100_NR_PBDMA);
	assert_int_equal(i->engines, DRV_ENGINE_ALL);
	assert_true(i->gr_ctx_len > 0);
	/* BAR3 is on, and what it shows is instance memory. */
	assert_true(dev_rd32(g.dev, NV_PBUS_BAR3_BLOCK) & 1u << 31);
	assert_true(dev_rd32(g.dev, NV_PBUS_BAR1_BLOCK) & 1u << 31);
	drv_stats(g.drv, &s);
	assert_true(s.tlb_flushes > 0);
	assert_true(s.vram_free < i->vram_len - VRAM_RESERVED_LOW - VRAM_RESERVED_TOP);
	gpu_down(&g);
}

/* Closing gives all VRAM and bus memory back, and the GPU can be opened again. */
static void reopens(void **state)
{
	struct drv_cfg full = { .full_tables = true, .timeout_ns = 60 * SECOND };
	struct drv_stats s[4];
	struct gpu g = { 0 };
	char msg[256];

	(void)state;
	gpu_bus(&g);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(drv_open(g.bus, i & 1 ? &full : NULL, &g.drv, msg, sizeof(msg)),
				 0);
		drv_stats(g.drv, &s[i]);
		drv_close(g.drv);
		assert_int_equal(dev_rd32(g.dev, NV_PBUS_BAR3_BLOCK) >> 31, 0);
		assert_int_equal(dev_rd32(g.dev, NV_PFIFO_ENABLE) & 1, 0);
	}
	g.drv = NULL;
	assert_int_equal(s[0].vram_free, s[2].vram_free);
	assert_int_equal(s[1].vram_free, s[3].vram_free);
	/* Full tables cost more, else the option does nothing. */
	assert_true(s[1].vram_free < s[0].vram_free);
	gpu_down(&g);
}

static void leftovers(void **state)
{
	struct drv_vas *v;
	struct drv_chan *ch;
	struct drv_bo *bo;
	struct gpu g = { 0 };
	uint64_t va;

	(void)state;
	gpu_up(&g, NULL);
	assert_int_equal(drv_vas_new(g.drv, &v), 0);
	assert_int_equal(drv_bo_new(g.drv, 1 << 20, DRV_BO_VRAM, &bo), 0);
	assert_int_equal(drv_vas_map(v, bo, 0, &va), 0);
	assert_int_equal(drv_chan_new(v, DRV_ENGINE_ALL, &ch), 0);
	assert_int_equal(drv_vas_free(v), -EBUSY);
	/* drv_close() takes it all; LeakSanitizer would tell. */
	gpu_down(&g);
}

/* A bus that answers like another chip. */
struct wrong_bus {
	struct bus bus;
	struct bus_ops ops;
	struct bus *real;
	uint32_t reg, val;
	unsigned int pramin; /* stores */
};

static uint32_t wrong_rd32(struct bus *b, uint32_t reg)
{
	struct wrong_bus *w = container_of(b, struct wrong_bus, bus);

	return reg == w->reg ? w->val : w->real->ops->rd32(w->real, reg);
}
static void wrong_wr32(struct bus *b, uint32_t reg, uint32_t v)
{
	struct wrong_bus *w = container_of(b, struct wrong_bus, bus);

	w->pramin += reg >= NV_PRAMIN && reg < NV_PRAMIN + 0x100000;
	w->real->ops->wr32(w->real, reg, v);
}
static void wrong_bar_rd(struct bus *b, int bar, uint64_t off, void *buf, size_t len)
{
	struct wrong_bus *w = container_of(b, struct wrong_bus, bus);

	w->real->ops->bar_rd(w->real, bar, off, buf, len);
}
static void wrong_bar_wr(struct bus *b, int bar, uint64_t off, const void *buf, size_t len)
{
	struct wrong_bus *w = container_of(b, struct wrong_bus, bus);

	w->real->ops->bar_wr(w->real, bar, off, buf, len);
}
static uint64_t wrong_bar_len(struct bus *b, int bar)
{
	struct wrong_bus *w = container_of(b, struct wrong_bus, bus);

	return w->real->ops->bar_len(w->real, bar);
}
static int wrong_mem_alloc(struct bus *b, uint64_t len, struct bus_mem *out)
{
	struct wrong_bus *w = container_of(b, struct wrong_bus, bus);

	return w->real->ops->mem_alloc(w->real, len, out);
}
static void wrong_mem_free(struct bus *b, struct bus_mem *m)
{
	struct wrong_bus *w = container_of(b, struct wrong_bus, bus);

	w->real->ops->mem_free(w->real, m);
}

static void wrong_init(struct wrong_bus *w, struct gpu *g, uint32_t reg, uint32_t val)
{
	*w = (struct wrong_bus){ .real = g->bus, .reg = reg, .val = val };
	w->ops = (struct bus_ops){ .name = "wrong", .rd32 = wrong_rd32, .wr32 = wrong_wr32,
				   .bar_rd = wrong_bar_rd, .bar_wr = wrong_bar_wr,
				   .bar_len = wrong_bar_len, .mem_alloc = wrong_mem_alloc,
				   .mem_free = wrong_mem_free };
	w->bus.ops = &w->ops;
}

static int open_with(struct gpu *g, uint32_t reg, uint32_t val, char *msg, size_t n)
{
	struct drv_cfg cfg = { .timeout_ns = 20000000 };
	struct drv *d = NULL;
	struct wrong_bus w;
	int err;

	wrong_init(&w, g, reg, val);
	err = drv_open(&w.bus, &cfg, &d, msg, n);
	assert_null(d);
	return err;
}

static void refuses(void **state)
{
	struct gpu g = { 0 };
	char msg[256];

	(void)state;
	gpu_bus(&g);
	assert_int_equal(open_with(&g, NV_PMC_BOOT_0, 0x0e4000a1, msg, sizeof(msg)), -ENODEV);
	assert_non_null(strstr(msg, "0e4000a1"));
	assert_int_equal(open_with(&g, NV_FBP_COUNT, 0, msg, sizeof(msg)), -ENODEV);
	assert_non_null(strstr(msg, "VRAM"));
	assert_int_equal(open_with(&g, NV_PFIFO_PBDMA_ENABLE, 0, msg, sizeof(msg)), -ENODEV);
	assert_non_null(strstr(msg, "PFIFO"));
	/* FECS never says it is ready. */
	assert_int_equal(open_with(&g, NV_FECS_SCRATCH, 0, msg, sizeof(msg)), -ETIMEDOUT);
	assert_non_null(strstr(msg, "engines"));
	assert_int_equal(open_with(&g, reg_at(REGID_FECS_SCRATCH, 1), 3, msg, sizeof(msg)),
			 -EPROTO);
	assert_int_equal(open_with(&g, NV_CE1_FALCON_VERSION, 0, msg, sizeof(msg)), -EPROTO);
	gpu_down(&g);
}

/*
 * VRAM comes as it was left: what the tables behind the BARs do not map is not present all the same, and it takes no
 * store through PRAMIN for each dword of them.
 */
static void dirty_vram(void **state)
{
	static uint8_t junk[1 << 20];
	uint64_t pdb, pde, pte, mapped = 0;
	struct gpu g = { 0 };
	struct wrong_bus w;
	char msg[256];

	(void)state;
	gpu_bus(&g);
	memset(junk, 0xff, sizeof(junk));
	for (uint64_t at = VRAM_RESERVED_LOW; at < (256u << 20) - VRAM_RESERVED_TOP; at += sizeof(junk))
		assert_int_equal(dev_vram_wr(g.dev, hvram(at), junk, sizeof(junk)), 0);
	wrong_init(&w, &g, ~0u, 0);
	assert_int_equal(drv_open(&w.bus, NULL, &g.drv, msg, sizeof(msg)), 0);
	assert_in_range(w.pramin, 1, 300);
	for (uint32_t bar = 0; bar < 2; bar++) {
		uint32_t block = dev_rd32(g.dev, bar ? NV_PBUS_BAR3_BLOCK : NV_PBUS_BAR1_BLOCK);

		assert_int_equal(dev_vram_rd(g.dev, hvram(((uint64_t)block << 12 & 0xfffffff000) + INST_PDB_LO), &pdb,
					     8), 0);
		for (uint32_t i = 1; i < 512; i++) {
			assert_int_equal(dev_vram_rd(g.dev, hvram(pdb + i * 8), &pde, 8), 0);
			assert_int_equal(pde, 0);
		}
		assert_int_equal(dev_vram_rd(g.dev, hvram(pdb), &pde, 8), 0);
		for (uint32_t i = 0; i < 4096; i++) {
			assert_int_equal(dev_vram_rd(g.dev, hvram(pde_small_addr(pde) + i * 8), &pte, 8), 0);
			assert_true(pte == 0 || (pte & PTE_PRESENT && pte_addr(pte) < 256u << 20));
			mapped += pte != 0;
		}
	}
	assert_in_range(mapped, 10, 4096);
	gpu_down(&g);
}

static void bad_cfg(void **state)
{
	static const struct drv_cfg bad[] = {
		{ .ring_entries = 3 }, { .ring_entries = 4 }, { .ring_entries = 8192 },
		{ .push_len = 100 },   { .push_len = 32u << 20 },
	};
	struct gpu g = { 0 };
	char msg[256];

	(void)state;
	gpu_bus(&g);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(drv_open(g.bus, &bad[i], &g.drv, msg, sizeof(msg)), -EINVAL);
		assert_true(msg[0] != '\0');
	}
	drv_close(NULL);
	gpu_down(&g);
}

static void fused_off(void **state)
{
	struct gpu g = { 0 };
	struct drv_vas *v;
	struct drv_chan *ch;
	char msg[256];

	(void)state;
	assert_int_equal(dev_open(GPU_SPEC ",fuses=0x307", NULL, &g.dev, msg, sizeof(msg)), 0);
	assert_int_equal(bus_native_open(g.dev, &g.bus), 0);
	assert_int_equal(drv_open(g.bus, NULL, &g.drv, msg, sizeof(msg)), 0);
	assert_int_equal(drv_info(g.drv)->engines, DRV_ENGINE_GR);
	assert_int_equal(drv_vas_new(g.drv, &v), 0);
	assert_int_equal(drv_chan_new(v, DRV_ENGINE_CE0, &ch), -ENODEV);
	gpu_down(&g);
}

static void dumps(void **state)
{
	struct gpu g = { 0 };
	char buf[4096] = "";
	struct drv_chan *ch;
	struct drv_vas *v;
	FILE *f;

	(void)state;
	gpu_up(&g, NULL);
	assert_int_equal(drv_vas_new(g.drv, &v), 0);
	assert_int_equal(drv_chan_new(v, DRV_ENGINE_CE0, &ch), 0);
	f = fmemopen(buf, sizeof(buf) - 1, "w");
	assert_non_null(f);
	drv_dump(g.drv, f);
	fclose(f);
	assert_non_null(strstr(buf, "boot0 0c0c00a3"));
	assert_non_null(strstr(buf, "chan 0"));
	assert_non_null(strstr(buf, "(BAR)"));
	gpu_down(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(opens),   cmocka_unit_test(reopens), cmocka_unit_test(leftovers),
		cmocka_unit_test(refuses), cmocka_unit_test(bad_cfg), cmocka_unit_test(fused_off),
		cmocka_unit_test(dumps),   cmocka_unit_test(dirty_vram),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
