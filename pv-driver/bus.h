/* SPDX-License-Identifier: MIT */
/*
 * The driver's bus: how the driver core reaches a Fermi GPU's BARs and gets
 * memory the GPU can reach.  Three implementations: bus_native.c (the device is
 * in this process, no mediator), bus_guest.c (a process guest: BARs are
 * mappings without access rights, every load and store of them traps; see
 * trap.h) and bus_pci.c (a PCI function, in a virtual machine as a rule).
 *
 * Calls may come from several threads of the driver.
 */
#ifndef PV_DRIVER_BUS_H
#define PV_DRIVER_BUS_H

#include <stddef.h>
#include <stdint.h>

struct bus;
struct pv_op;
struct dev;
struct log;

/* System memory that the GPU reaches. */
struct bus_mem {
	void *cpu;	/* ordinary memory of this process */
	uint64_t addr;	/* what goes into a PTE (bus address; guest-physical in a guest) */
	uint64_t len;	/* contiguous in both, page-aligned */
};

struct bus_ops {
	const char *name;
	void (*close)(struct bus *);
	uint32_t (*rd32)(struct bus *, uint32_t reg);	/* BAR0 */
	void (*wr32)(struct bus *, uint32_t reg, uint32_t val);
	void (*wr8)(struct bus *, uint32_t reg, uint8_t val);
	/*
	 * BAR 1 or 3 (in a guest also 5, the PV call page, where bar_len is not
	 * 0), any length, done as naturally aligned accesses of at most 8 bytes
	 * in ascending order, as memcpy_toio would.
	 */
	void (*bar_rd)(struct bus *, int bar, uint64_t off, void *buf, size_t len);
	void (*bar_wr)(struct bus *, int bar, uint64_t off, const void *buf, size_t len);
	uint64_t (*bar_len)(struct bus *, int bar);
	/* Page-aligned, zeroed.  -ENOMEM. */
	int (*mem_alloc)(struct bus *, uint64_t len, struct bus_mem *out);
	void (*mem_free)(struct bus *, struct bus_mem *);
	/* Waits until the interrupt was raised since the last call; 0, or -ETIMEDOUT after ns. */
	int (*irq_wait)(struct bus *, uint64_t ns);
	/* The file descriptor behind irq_wait, for poll().  NULL: whoever owns the bus calls drv_irq(). */
	int (*irq_fd)(struct bus *);
	/* Optional: the file that mem_alloc's memory at addr lies in (borrowed), and where; -EOPNOTSUPP. */
	int (*mem_file)(struct bus *, uint64_t addr, uint64_t *off);
	/* Optional: the BAR's address range in this process; what it is touched by traps (trap.h).  NULL. */
	void *(*bar_cpu)(struct bus *, int bar);
	/*
	 * Optional: touches of [off, off+len) do not trap from now on, until the mediator takes the
	 * memory back.  -EAGAIN: part of it is no memory.  System calls, too, can be given addresses in it.
	 */
	int (*bar_map)(struct bus *, int bar, uint64_t off, uint64_t len);
	/*
	 * Optional: a register of the call page (bar 5), without a load or store that would trap;
	 * else bar_rd and bar_wr do it.
	 */
	uint32_t (*call_rd)(struct bus *, uint32_t reg);
	void (*call_wr)(struct bus *, uint32_t reg, uint32_t val);
	/* Optional: VRAM without an aperture.  Ordered with the other calls of the same thread. */
	void (*vram_rd)(struct bus *, uint64_t addr, void *buf, size_t len);
	void (*vram_wr)(struct bus *, uint64_t addr, const void *buf, size_t len);
	/* Optional: one page-table operation at once (pv_abi.h), by whoever keeps the tables; errno. */
	int (*pv_op)(struct bus *, const struct pv_op *, uint32_t *value);
};

struct bus {
	const struct bus_ops *ops;
};

/* dev is borrowed and must outlive the bus; it must have DEV_CAP_DMA_MAP and DEV_CAP_IRQ_FD. */
int bus_native_open(struct dev *dev, struct bus **out);
/* Memory allocated from now on lies in one memory file (mem_file). */
int bus_native_share(struct bus *);
/*
 * The guest this process is part of, from the environment (proc_abi.h).
 * -ENODEV if the process is no guest; msg (n bytes) gets one line on any error.
 */
int bus_guest_open(struct bus **out, char *msg, size_t n);

/*
 * The PCI function at ("0000:00:10.0"; empty: the first GPU of NVIDIA's) that no
 * kernel driver has.  Root only; memory comes from free huge pages of 2 MiB.
 * -ENODEV, -EINVAL; msg (len bytes) gets one line on any error.
 */
int bus_pci_open(const char *at, struct bus **out, char *msg, size_t len);

static inline void bus_close(struct bus *b)
{
	if (b)
		b->ops->close(b);
}
static inline uint32_t bus_rd32(struct bus *b, uint32_t reg)
{
	return b->ops->rd32(b, reg);
}
static inline void bus_wr32(struct bus *b, uint32_t reg, uint32_t val)
{
	b->ops->wr32(b, reg, val);
}

#endif
