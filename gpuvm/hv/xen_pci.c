// SPDX-License-Identifier: MIT
/*
 * The vGPU as a PCI function of a domain, and the host bridge that a domain
 * without another device model needs for Linux to look for functions at all.
 *
 * 1. Configuration space is the core's (HV_CFG); where BARs and ROM lie is read
 *    out of it after each write, so nothing is kept twice.
 * 2. Xen sends exactly the ranges in range[]: BARs while the function decodes
 *    memory, the ROM while it is switched on as well.  A place that Xen does not
 *    take (the guest laid it over another) leaves that BAR nowhere.
 */
#include <inttypes.h>
#include <string.h>

#include "gpuvm/base/log.h"
#include "gpuvm/hv/xen_impl.h"

#define AT_COMMAND 0x04
#define COMMAND_MEMORY (1u << 1)
#define AT_ROM 0x30
#define ROM_ENABLE 1u
#define PORT_CF8 0xcf8u
#define CF8_ENABLE (1u << 31)

/* Which BAR register a space has, and whether its upper half is the next. [PCI 3.0, 6.2.5] */
static const struct {
	enum hv_space space;
	uint16_t at;
	uint8_t bar;
	bool wide;
} bars[XEN_BARS] = {
	{ HV_BAR0, 0x10, 0, false },
	{ HV_BAR1, 0x14, 1, true },
	{ HV_BAR3, 0x1c, 3, true },
};

/* Identity of Intel's 82441FX, the host bridge every guest kernel knows. */
static uint32_t bridge_rd(uint32_t at)
{
	switch (at) {
	case 0x00: return 0x12378086;
	case 0x08: return 0x06000002;
	default: return 0;
	}
}

static uint32_t config32(struct xen_guest *g, uint32_t at)
{
	uint64_t v;

	xen_access(g, HV_CFG, at, 4, false, &v);
	return (uint32_t)v;
}

void xen_config(struct xen_guest *g, struct ioreq *r)
{
	uint32_t slot = (uint32_t)(r->addr >> 35) & 31, function = (uint32_t)(r->addr >> 32) & 7;
	uint32_t at = (uint32_t)r->addr & (XEN_CONFIG_LEN - 1);
	bool write = r->dir == IOREQ_WRITE;

	g->stats.config++;
	if (slot == g->slot && !function) {
		xen_access(g, HV_CFG, at, (uint8_t)r->size, write, &r->data);
		if (write)
			xen_ranges_update(g);
	} else if (!write) {
		r->data = !slot && !function && g->bridge ? bridge_rd(at & ~3u) >> 8 * (at & 3) :
							    UINT64_MAX;
	}
}

/* Xen has latched cf8 already; what a guest reads back of it is what it wrote. */
void xen_port_io(struct xen_guest *g, struct ioreq *r)
{
	if (g->bridge && r->addr == PORT_CF8 && r->size == 4) {
		if (r->dir == IOREQ_WRITE)
			g->cf8 = (uint32_t)r->data & (CF8_ENABLE | 0x00fffffc);
		else
			r->data = g->cf8;
		return;
	}
	g->stats.stray++;
	if (r->dir == IOREQ_READ)
		r->data = UINT64_MAX;
}

static struct xen_range wanted(struct xen_guest *g, unsigned int i)
{
	struct xen_range w = { 0 };

	if (!g->attached || !(config32(g, AT_COMMAND) & COMMAND_MEMORY))
		return w;
	if (i == XEN_BARS) {
		uint32_t rom = config32(g, AT_ROM);

		w = (struct xen_range){ .at = rom & ~(uint64_t)(g->rom_len - 1) & UINT32_MAX,
					.len = rom & ROM_ENABLE ? g->rom_len : 0, .rom = true };
	} else {
		w.space = bars[i].space;
		w.len = g->bar_len[bars[i].bar];
		w.at = config32(g, bars[i].at) & ~15u;
		if (bars[i].wide)
			w.at |= (uint64_t)config32(g, bars[i].at + 4u) << 32;
	}
	/* Nobody placed it yet. */
	if (!w.at)
		w.len = 0;
	return w;
}

static void let_go(struct xen_guest *g, struct xen_range *r)
{
	if (r->len)
		xendevicemodel_unmap_io_range_from_ioreq_server(
			xen_port(g)->dm, g->domid, g->server, 1, r->at, r->at + r->len - 1);
	r->len = 0;
}

void xen_ranges_update(struct xen_guest *g)
{
	struct xen_range want[XEN_BARS + 1];

	/* All that moves goes first: two BARs may change places. */
	for (unsigned int i = 0; i <= XEN_BARS; i++) {
		struct xen_range *r = &g->range[i];

		want[i] = wanted(g, i);
		if (r->len && (!want[i].len || want[i].at != r->at))
			let_go(g, r);
	}
	for (unsigned int i = 0; i <= XEN_BARS; i++) {
		if (!want[i].len || g->range[i].len)
			continue;
		if (xendevicemodel_map_io_range_to_ioreq_server(xen_port(g)->dm, g->domid, g->server,
								1, want[i].at,
								want[i].at + want[i].len - 1)) {
			log_warn(g->g.hv->log, "%s: Xen does not take %s at %#" PRIx64 ": %s",
				 g->g.name, i == XEN_BARS ? "the ROM" : "a BAR", want[i].at,
				 strerror(errno));
			continue;
		}
		g->range[i] = want[i];
	}
}

void xen_ranges_drop(struct xen_guest *g)
{
	for (unsigned int i = 0; i <= XEN_BARS; i++)
		let_go(g, &g->range[i]);
}

const struct xen_range *xen_range_find(const struct xen_guest *g, uint64_t at, unsigned int size)
{
	for (unsigned int i = 0; i <= XEN_BARS; i++) {
		const struct xen_range *r = &g->range[i];

		if (r->len && at >= r->at && range_ok(at - r->at, size, r->len))
			return r;
	}
	return NULL;
}
