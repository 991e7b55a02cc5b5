// SPDX-License-Identifier: MIT
/*
 * The falcons: code and data memories behind ports, and what their microcode
 * would do, done at once when it is started (high-level emulation).
 *
 * Always true: no instruction is ever executed.  Uploads and read-back work to
 * the byte, so a driver that checks its upload is content; the effect of a
 * start is that of stock nouveau's own microcode.
 * Sources: nvkm/falcon/v1.c, nvkm/subdev/pmu/gt215.c, nvkm/engine/falcon.c,
 * nvkm/engine/ce/gf100.c.
 */
#include <string.h>

#include "gpuvm/base/bits.h"
#include "gpuvm/base/mem.h"
#include "gpuvm/dev/sim/private.h"

#define NR_FALCONS 5
#define NR_CODE_PORTS 4 /* 16 bytes apart */
#define NR_DATA_PORTS 8 /* 8 bytes apart */
#define CODE_PORTS 0x180u
#define DATA_PORTS 0x1c0u
#define PORTS_END 0x200u

/* Port control: byte address in bits 2-15, then what moves it on. */
#define PORT_ADDR_MASK 0xfffcu
#define PORT_INC_WRITE (1u << 24)
#define PORT_INC_READ (1u << 25)

/* Registers of a copy engine's falcon, by offset. */
enum {
	CE_INTR_ACK = 0x004,
	CE_INTR = 0x008,
	CE_INTR_ROUTE = 0x01c,
	CE_ERROR = 0x040,
	CE_ERROR_DATA = 0x044,
	CE_CHAN = 0x050,
};
#define CE_INTR_ERROR (1u << 6)

#define PMU_BASE 0x10a000u
#define CE0_BASE 0x104000u
#define CE1_BASE 0x105000u

struct port {
	uint32_t ctrl; /* as written, address moved on */
	uint32_t tag;
};

struct falcon {
	uint8_t *code, *data; /* owned */
	struct port code_port[NR_CODE_PORTS], data_port[NR_DATA_PORTS];
};

struct falcons {
	struct falcon f[NR_FALCONS];
};

static const struct falcon_shape {
	uint32_t base, code_len, data_len;
} shapes[NR_FALCONS] = {
	{ CE0_BASE, 0x1200, 0x800 },	/* as CEx_FALCON_SIZES says */
	{ CE1_BASE, 0x1200, 0x800 },
	{ PMU_BASE, 0x4000, 0x4000 },	/* the rest only need to be large enough for nouveau's */
	{ 0x409000, 0x4000, 0x4000 },	/* FECS */
	{ 0x41a000, 0x4000, 0x4000 },	/* GPCCS, all at once */
};

static int find(uint32_t base)
{
	for (int i = 0; i < NR_FALCONS; i++)
		if (shapes[i].base == base)
			return i;
	return -1;
}

int falcon_new(struct sim *s)
{
	s->falcons = mem_new(struct falcons);
	if (!s->falcons)
		return -ENOMEM;
	for (int i = 0; i < NR_FALCONS; i++) {
		s->falcons->f[i].code = mem_calloc(1, shapes[i].code_len);
		s->falcons->f[i].data = mem_calloc(1, shapes[i].data_len);
		if (!s->falcons->f[i].code || !s->falcons->f[i].data)
			return -ENOMEM;
	}
	return 0;
}

void falcon_free(struct sim *s)
{
	for (int i = 0; s->falcons && i < NR_FALCONS; i++) {
		mem_free(s->falcons->f[i].code);
		mem_free(s->falcons->f[i].data);
	}
	mem_free(s->falcons);
	s->falcons = NULL;
}

static uint32_t ce_pmc_bit(uint32_t base)
{
	return base == CE0_BASE ? PMC_INTR_CE0 : PMC_INTR_CE1;
}

void falcon_reset_at(struct sim *s, uint32_t base)
{
	int i = find(base);
	struct falcon *f = &s->falcons->f[i];

	memset(f->code, 0, shapes[i].code_len);
	memset(f->data, 0, shapes[i].data_len);
	memset(f->code_port, 0, sizeof(f->code_port));
	memset(f->data_port, 0, sizeof(f->data_port));
	if (base != CE0_BASE && base != CE1_BASE && base != PMU_BASE)
		return; /* registers belong to pgraph.c */
	sim_reg_clear(s, base, base + 0xffc);
	if (base == PMU_BASE)
		return;
	sim_reg_store(s, base + 0x108, shapes[i].code_len >> 8 | shapes[i].data_len << 1);
	sim_reg_store(s, base + 0x12c, 3); /* falcon version, no secrets */
	sim_intr(s, ce_pmc_bit(base), false);
}

void falcon_reset(struct sim *s)
{
	for (int i = 0; i < NR_FALCONS; i++)
		falcon_reset_at(s, shapes[i].base);
}

/* ---- ports ----------------------------------------------------------------- */

/* What a port offset means. */
struct port_ref {
	struct port *port;
	uint8_t *mem; /* of the memory behind it */
	uint32_t len;
	uint32_t reg; /* 0 control, 4 data, 8 tag */
};

static bool port_find(struct sim *s, uint32_t off, struct port_ref *r)
{
	int i = find(off & ~0xfffu);
	uint32_t in = off & 0xfff;
	struct falcon *f;

	if (i < 0 || in < CODE_PORTS || in >= PORTS_END)
		return false;
	f = &s->falcons->f[i];
	if (in < DATA_PORTS)
		*r = (struct port_ref){ &f->code_port[(in - CODE_PORTS) / 16], f->code,
					shapes[i].code_len, in & 0xc };
	else
		*r = (struct port_ref){ &f->data_port[(in - DATA_PORTS) / 8], f->data,
					shapes[i].data_len, in & 0x4 };
	return true;
}

static void advance(struct port *p)
{
	p->ctrl = (p->ctrl & ~PORT_ADDR_MASK) | ((p->ctrl + 4) & PORT_ADDR_MASK);
}

bool falcon_port_rd(struct sim *s, uint32_t off, uint32_t *val)
{
	struct port_ref r;
	uint32_t at;

	if (!port_find(s, off, &r))
		return false;
	*val = 0;
	if (r.reg == 0)
		*val = r.port->ctrl;
	if (r.reg == 8)
		*val = r.port->tag;
	if (r.reg != 4)
		return true;
	/* Beyond the memory a port reads 0 and its stores go nowhere. */
	at = r.port->ctrl & PORT_ADDR_MASK;
	if (range_ok(at, 4, r.len))
		memcpy(val, r.mem + at, 4);
	if (r.port->ctrl & PORT_INC_READ)
		advance(r.port);
	return true;
}

bool falcon_port_wr(struct sim *s, uint32_t off, uint32_t val)
{
	struct port_ref r;
	uint32_t at;

	if (!port_find(s, off, &r))
		return false;
	if (r.reg == 0)
		r.port->ctrl = val;
	if (r.reg == 8)
		r.port->tag = val;
	if (r.reg != 4)
		return true;
	at = r.port->ctrl & PORT_ADDR_MASK;
	if (range_ok(at, 4, r.len))
		memcpy(r.mem + at, &val, 4);
	if (r.port->ctrl & PORT_INC_WRITE)
		advance(r.port);
	return true;
}

/* ---- PMU and copy engines --------------------------------------------------- */

/* The message rings that nouveau's PMU microcode announces once it runs: size << 16 | base. */
static void pmu_start(struct sim *s)
{
	static const struct sim_preset rings[] = {
		{ NV_PMU_SEND_RING, 0x0080u << 16 | 0x0f00 },
		{ NV_PMU_RECV_RING, 0x0080u << 16 | 0x0f80 },
	};

	sim_preset(s, rings, ARRAY_SIZE(rings));
}

static uint32_t falcon_rd(struct sim *s, uint32_t off)
{
	uint32_t v;

	if (falcon_port_rd(s, off, &v))
		return v;
	v = sim_reg_rd(s, off);
	return off == NV_PMU_DMACTL ? v & ~6u : v; /* memories are scrubbed at once */
}

static void pmu_wr(struct sim *s, uint32_t off, uint32_t val)
{
	if (falcon_port_wr(s, off, val))
		return;
	if (off == NV_PMU_CPUCTL && val & 2)
		pmu_start(s);
	sim_reg_wr(s, off, val);
}

static void ce_wr(struct sim *s, uint32_t off, uint32_t val)
{
	uint32_t base = off & ~0xfffu;

	if (falcon_port_wr(s, off, val))
		return;
	if (off - base == CE_INTR_ACK) {
		uint32_t intr = sim_reg_load(s, base + CE_INTR) & ~val;

		sim_reg_store(s, base + CE_INTR, intr);
		sim_intr(s, ce_pmc_bit(base), intr);
		pfifo_wake(s);
		return;
	}
	if (off - base == CE_INTR)
		return;
	sim_reg_wr(s, off, val);
}

void ce_error(struct sim *s, const struct engine_ctx *ctx, uint32_t mthd, uint32_t val,
	      uint32_t code)
{
	uint32_t base = ctx->engine == ENGINE_CE0 ? CE0_BASE : CE1_BASE;
	uint32_t where = (ctx->subc & 7) << 11 | ((mthd >> 2) & 0x7ff);

	sim_reg_store(s, base + CE_ERROR, where << 16 | (code & 0xffff));
	sim_reg_store(s, base + CE_ERROR_DATA, val);
	sim_reg_store(s, base + CE_CHAN, 1u << 30 | (uint32_t)(ctx->vm.inst >> 12));
	sim_reg_store(s, base + CE_INTR, sim_reg_load(s, base + CE_INTR) | CE_INTR_ERROR);
	/* The microcode routes its interrupts to the host. */
	sim_reg_store(s, base + CE_INTR_ROUTE,
		      sim_reg_load(s, base + CE_INTR_ROUTE) | CE_INTR_ERROR);
	sim_intr(s, ce_pmc_bit(base), true);
}

const struct sim_unit falcon_units[] = {
	{ "CE0", CE0_BASE, CE0_BASE + 0xffc, falcon_rd, ce_wr },
	{ "CE1", CE1_BASE, CE1_BASE + 0xffc, falcon_rd, ce_wr },
	{ "PMU", PMU_BASE, PMU_BASE + 0xffc, falcon_rd, pmu_wr },
	{ 0 },
};
