/* SPDX-License-Identifier: MIT */
/*
 * vfio-user 0.0 on the wire: a stream of messages, each a header and a payload.
 * Sources: the protocol specification (docs/interop/vfio-user.rst of QEMU) and
 * <linux/vfio.h>, whose region, interrupt and flag numbers it uses.
 */
#ifndef GPUVM_HV_VFIO_WIRE_H
#define GPUVM_HV_VFIO_WIRE_H

#include <stdint.h>

enum vfio_cmd {
	VFIO_CMD_VERSION = 1,
	VFIO_CMD_DMA_MAP,
	VFIO_CMD_DMA_UNMAP,
	VFIO_CMD_DEVICE_INFO,
	VFIO_CMD_REGION_INFO,
	VFIO_CMD_REGION_FDS,
	VFIO_CMD_IRQ_INFO,
	VFIO_CMD_SET_IRQS,
	VFIO_CMD_REGION_READ,
	VFIO_CMD_REGION_WRITE,
	VFIO_CMD_DMA_READ,
	VFIO_CMD_DMA_WRITE,
	VFIO_CMD_RESET,
	VFIO_CMD_WRITE_MULTI = 15,
};

#define VFIO_HDR_TYPE 0xfu    /* 0: command */
#define VFIO_HDR_REPLY 0x1u
#define VFIO_HDR_NO_REPLY (1u << 4)
#define VFIO_HDR_ERROR (1u << 5)

struct vfio_hdr {
	uint16_t id, cmd;
	uint32_t size; /* with this header */
	uint32_t flags;
	uint32_t error; /* errno, with VFIO_HDR_ERROR */
};

/* VERSION: after it a zero-terminated JSON text. */
struct vfio_version {
	uint16_t major, minor;
};

#define VFIO_DMA_READ (1u << 0)
#define VFIO_DMA_WRITE (1u << 1)
struct vfio_dma_map {
	uint32_t argsz, flags;
	uint64_t offset, addr, size; /* offset in the file that comes along */
};

#define VFIO_UNMAP_ALL (1u << 1)
struct vfio_dma_unmap {
	uint32_t argsz, flags;
	uint64_t addr, size;
};

#define VFIO_DEVICE_RESET (1u << 0)
#define VFIO_DEVICE_PCI (1u << 1)
struct vfio_device_info {
	uint32_t argsz, flags, nr_regions, nr_irqs;
};

enum vfio_region { VFIO_BAR0, VFIO_BAR1, VFIO_BAR3 = 3, VFIO_BAR5 = 5, VFIO_ROM, VFIO_CONFIG, VFIO_VGA, VFIO_REGIONS };
#define VFIO_REGION_READABLE (1u << 0)
#define VFIO_REGION_WRITABLE (1u << 1)
struct vfio_region_info {
	uint32_t argsz, flags, index, cap_offset;
	uint64_t size, offset;
};

enum vfio_irq { VFIO_INTX, VFIO_MSI, VFIO_MSIX, VFIO_ERR, VFIO_REQ, VFIO_IRQS };
#define VFIO_IRQ_EVENTFD (1u << 0)
#define VFIO_IRQ_MASKABLE (1u << 1)
#define VFIO_IRQ_AUTOMASKED (1u << 2)
#define VFIO_IRQ_NORESIZE (1u << 3)
struct vfio_irq_info {
	uint32_t argsz, flags, index, count;
};

#define VFIO_SET_NONE (1u << 0)
#define VFIO_SET_BOOL (1u << 1)
#define VFIO_SET_EVENTFD (1u << 2)
#define VFIO_SET_MASK (1u << 3)
#define VFIO_SET_UNMASK (1u << 4)
#define VFIO_SET_TRIGGER (1u << 5)
struct vfio_irq_set {
	uint32_t argsz, flags, index, start, count;
};

/* REGION_READ and REGION_WRITE, and the head of their replies; data follows. */
struct vfio_rw {
	uint64_t offset;
	uint32_t region, count;
};

/* WRITE_MULTI: a count (u64), then this many of these. */
struct vfio_write {
	uint64_t offset;
	uint32_t region, count;
	uint8_t data[8];
};

_Static_assert(sizeof(struct vfio_hdr) == 16, "protocol");
_Static_assert(sizeof(struct vfio_dma_map) == 32, "protocol");
_Static_assert(sizeof(struct vfio_dma_unmap) == 24, "protocol");
_Static_assert(sizeof(struct vfio_region_info) == 32, "protocol");
_Static_assert(sizeof(struct vfio_irq_set) == 20, "protocol");
_Static_assert(sizeof(struct vfio_write) == 24, "protocol");

#endif
