// SPDX-License-Identifier: MIT
/* The native bus: odd accesses, system memory, interrupts. */
#include <poll.h>

#include "tests/unit/drv/gpu.h"

static void bars(void **state)
{
	uint8_t buf[64], got[64], all[256];
	struct gpu g = { 0 };
	struct drv_bo *bo;
	uint64_t at;

	(void)state;
	gpu_up(&g, NULL);
	assert_int_equal(g.bus->ops->bar_len(g.bus, 1), GF100_BAR1_LEN);
	assert_int_equal(g.bus->ops->bar_len(g.bus, 3), GF100_BAR3_LEN);
	assert_int_equal(drv_bo_new(g.drv, 4096, DRV_BO_VRAM | DRV_BO_BAR1, &bo), 0);
	at = map_va(bo->bar1);
	for (size_t off = 0; off < 9; off++) {
		for (size_t len = 0; len < 40; len++) {
			memset(all, 0xee, sizeof(all));
			g.bus->ops->bar_wr(g.bus, 1, at, all, sizeof(all));
			fill(buf, len, off * 100 + len);
			g.bus->ops->bar_wr(g.bus, 1, at + off, buf, len);
			g.bus->ops->bar_rd(g.bus, 1, at + off, got, len);
			assert_memory_equal(got, buf, len);
			/* Nothing beside it moved. */
			memcpy(all + off, buf, len);
			{
				uint8_t now[256];

				assert_int_equal(dev_vram_rd(g.dev, hvram(drv_bo_addr(bo)), now,
							     sizeof(now)), 0);
				assert_memory_equal(now, all, sizeof(all));
			}
		}
	}
	gpu_down(&g);
}

/* A byte goes where it belongs and leaves its neighbours. */
static void bytes(void **state)
{
	struct gpu g = { 0 };

	(void)state;
	gpu_bus(&g);
	bus_wr32(g.bus, NV_PTIMER_NUMERATOR, 0x11223344);
	for (uint32_t i = 0; i < 4; i++)
		g.bus->ops->wr8(g.bus, NV_PTIMER_NUMERATOR + i, (uint8_t)(0xa0 + i));
	assert_int_equal(bus_rd32(g.bus, NV_PTIMER_NUMERATOR), 0xa3a2a1a0);
	gpu_down(&g);
}

static void memory(void **state)
{
	struct bus_mem m[8], again;
	struct gpu g = { 0 };

	(void)state;
	gpu_bus(&g);
	for (int i = 0; i < 8; i++) {
		assert_int_equal(g.bus->ops->mem_alloc(g.bus, 4096 * (uint64_t)i + 1, &m[i]), 0);
		assert_int_equal(m[i].len, 4096 * (uint64_t)(i + 1));
		assert_int_equal(m[i].addr % 4096, 0);
		assert_true(m[i].addr + m[i].len < 1ull << 40);
		assert_int_equal(((char *)m[i].cpu)[m[i].len - 1], 0);
		memset(m[i].cpu, 0x77, m[i].len);
		for (int j = 0; j < i; j++)
			assert_true(m[i].addr >= m[j].addr + m[j].len ||
				    m[j].addr >= m[i].addr + m[i].len);
	}
	/* A range is free again once given back, and comes back clean. */
	again = m[3];
	g.bus->ops->mem_free(g.bus, &m[3]);
	assert_null(m[3].cpu);
	assert_int_equal(g.bus->ops->mem_alloc(g.bus, again.len, &m[3]), 0);
	assert_int_equal(m[3].addr, again.addr);
	assert_int_equal(((char *)m[3].cpu)[0], 0);
	assert_int_equal(g.bus->ops->mem_alloc(g.bus, 1ull << 50, &again), -ENOMEM);
	/* What was not freed goes with the bus. */
	gpu_down(&g);
}

static void interrupts(void **state)
{
	struct gpu g = { 0 };
	struct pollfd p;

	(void)state;
	gpu_bus(&g);
	p = (struct pollfd){ .fd = g.bus->ops->irq_fd(g.bus), .events = POLLIN };
	assert_int_equal(g.bus->ops->irq_wait(g.bus, 1000000), -ETIMEDOUT);
	/* The alarm of a timer that has long passed it. */
	bus_wr32(g.bus, NV_PMC_INTR_EN, 1);
	bus_wr32(g.bus, NV_PTIMER_INTR_EN, 1);
	bus_wr32(g.bus, NV_PTIMER_ALARM, bus_rd32(g.bus, NV_PTIMER_TIME_LO) + 1000);
	assert_int_equal(g.bus->ops->irq_wait(g.bus, 60 * SECOND), 0);
	assert_true(bus_rd32(g.bus, NV_PMC_INTR) & PMC_INTR_PTIMER);
	assert_int_equal(poll(&p, 1, 0), 0);
	bus_wr32(g.bus, NV_PMC_INTR_EN, 0);
	bus_wr32(g.bus, NV_PTIMER_INTR, 1);
	gpu_down(&g);
}

static void wants_dma(void **state)
{
	struct dev *d;
	struct bus *b;
	char msg[128];

	(void)state;
	assert_int_equal(dev_open("null", NULL, &d, msg, sizeof(msg)), 0);
	assert_int_equal(bus_native_open(d, &b), -EOPNOTSUPP);
	dev_close(d);
	bus_close(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bars),	      cmocka_unit_test(bytes),	   cmocka_unit_test(memory),
		cmocka_unit_test(interrupts), cmocka_unit_test(wants_dma),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
