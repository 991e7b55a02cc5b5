/* SPDX-License-Identifier: MIT */
/*
 * The vfio-user port: a guest is a virtual machine whose monitor (QEMU's
 * device vfio-user-pci) speaks vfio-user over a Unix stream socket, one socket
 * per guest.  No BAR is ever mapped: each access is a message.  Guest RAM comes
 * as sealed memfds (memory-backend-memfd,share=on) at any time and goes at any
 * time; what comes otherwise (ROMs) is not RAM for the GPU.
 *
 * Bus addresses: guest id's window is VFIO_DMA_BASE + id * VFIO_WINDOW, the
 * third quarter of Fermi's 40 bits; the process port has the lower half, the
 * Xen port the last quarter.
 */
#ifndef GPUVM_HV_VFIO_USER_H
#define GPUVM_HV_VFIO_USER_H

#include "gpuvm/hv/hv.h"

#define VFIO_GUESTS 16u
#define VFIO_WINDOW (16ull << 30) /* guest-physical addresses that can be RAM */
#define VFIO_DMA_BASE (1ull << 39)

int hv_vfio_open(const struct hv_up *up, void *core, const struct log *log, struct hv **out);

struct hv_vfio_cfg {
	const char *name;
	const char *path;    /* socket to create, mode 0600; NULL: fd */
	int fd;		     /* an already connected client, taken over on success */
	uint64_t bar_len[6]; /* 0 = absent */
	const void *rom;     /* expansion ROM, copied; rom_len a power of two */
	uint32_t rom_len;
	const void *cfg;     /* for up->attach, see struct hv_guest */
	const char *access_log; /* file for the guest's last accesses, written at its end; NULL: none */
};

/*
 * Calls up->attach and waits for a client; its hang-up detaches the guest and
 * removes the socket.  -ENOSPC: all slots taken.  -EADDRINUSE: path exists.
 */
int hv_vfio_guest_new(struct hv *, const struct hv_vfio_cfg *, struct hv_guest **out);
/* Detaches from outside; frees it before returning, or at the end of the dispatch it is called in. */
void hv_vfio_guest_drop(struct hv_guest *, const char *why);

struct hv_vfio_stats {
	uint64_t messages, accesses, bad, irqs, maps, unmaps, waits; /* waits: dispatches an unmap was put off */
};
void hv_vfio_guest_stats(const struct hv_guest *, struct hv_vfio_stats *out);

#endif
