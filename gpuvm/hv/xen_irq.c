// SPDX-License-Identifier: MIT
/*
 * Interrupts of a domain's vGPU: a message when the guest has switched MSI on,
 * else the function's INTA line.  Where messages go stands in the function's
 * configuration space, which the core keeps.
 */
#include "gpuvm/hv/xen_impl.h"

/* The core's configuration space: MSI capability, 64-bit. */
#define AT_MSI 0x68
#define MSI_ENABLE (1u << 16)
#define AT_COMMAND 0x04
#define COMMAND_MASTER (1u << 2)
#define COMMAND_NO_INTX (1u << 10)

static uint32_t config(struct xen_guest *g, uint32_t at)
{
	uint64_t v;

	xen_access(g, HV_CFG, at, 4, false, &v);
	return (uint32_t)v;
}

static int line(struct xen_guest *g, bool up)
{
	if (g->line_up == up)
		return 0;
	g->line_up = up;
	return xendevicemodel_set_pci_intx_level(xen_port(g)->dm, g->domid, 0, 0, g->slot, 0, up) ?
		       -errno :
		       0;
}

int xen_irq(struct hv_guest *hg, unsigned int vector)
{
	struct xen_guest *g = xen_guest_of(hg);
	uint32_t command = config(g, AT_COMMAND);

	(void)vector;
	if (g->dying)
		return 0;
	g->stats.irqs++;
	if (config(g, AT_MSI) & MSI_ENABLE) {
		uint64_t to = config(g, AT_MSI + 4) | (uint64_t)config(g, AT_MSI + 8) << 32;

		/* A message is a write of the function's: not before it is a bus master. */
		if (!(command & COMMAND_MASTER))
			return 0;
		return xendevicemodel_inject_msi(xen_port(g)->dm, g->domid, to,
						 config(g, AT_MSI + 12)) ?
			       -errno :
			       0;
	}
	return command & COMMAND_NO_INTX ? 0 : line(g, true);
}

void xen_irq_settle(struct xen_guest *g)
{
	struct hv *h = g->g.hv;

	if (g->line_up && !h->up->line(h->core, &g->g))
		line(g, false);
}
