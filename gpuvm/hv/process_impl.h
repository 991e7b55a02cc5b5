/* SPDX-License-Identifier: MIT */
/*
 * The process port's own: shared by process.c (port, events), process_guest.c
 * (birth, death, RAM), process_ring.c (mediator half of the ring),
 * process_map.c (windows) and process_pin.c (pin counts).
 */
#ifndef GPUVM_HV_PROCESS_IMPL_H
#define GPUVM_HV_PROCESS_IMPL_H

#include "gpuvm/hv/process.h"
#include "pv-driver/proc_abi.h"

#define PROC_PAGE 4096ull
#define PROC_RAM_MAX (4ull << 30) /* a guest's window of bus addresses */
#define PROC_GUESTS 111u	  /* windows 1..111 of 4 GiB; up to 2^39 are hv/pvback.h's, above virtual machines' */

/* Pin counts of 1024 pages. */
#define PROC_PIN_LEAF 1024u
struct proc_pin_leaf {
	uint32_t used; /* pages with a count above 0; the leaf is freed at 0 */
	uint32_t count[PROC_PIN_LEAF];
};

/* Nothing is allocated until the first pin: most guests' RAM is never pinned in most places. */
struct proc_pins {
	struct proc_pin_leaf **leaf; /* owned; nr of them, NULL where nothing is pinned */
	uint32_t nr;
	uint64_t total;
};

/* A file that a guest may be given, and how many words of page[] name it. */
struct proc_file {
	int fd; /* owned */
	uint32_t nr, refs;
	uint64_t dev, ino;
};
#define PROC_FILES 1024u /* descriptors one guest may cost */

struct proc_windows {
	uint64_t *word; /* owned: page[] as we wrote it, from the first map on */
	struct proc_file *file; /* owned: nr_files of them */
	uint32_t nr_files, last; /* last: highest number given to a file */
	uint64_t gen;
};

struct proc_guest {
	struct hv_guest g;
	struct list run; /* on process.run while polled; on itself while asleep */
	struct proc_ring *ring;
	uint64_t ring_len;
	void *ram;
	int ram_fd;
	int irq, kick, life; /* our ends; -1 = none */
	uint64_t bar_len[6]; /* ours: the ring's copy is the guest's to scribble on */
	bool posted;
	/* Wakes whoever waits for the ring to move, where a futex does not reach it; NULL: a futex does. */
	void (*wake)(struct proc_guest *);
	bool dying; /* no access is served any more; detach follows from dispatch */
	bool attached;
	bool kicked;   /* an event said there may be work */
	uint64_t pos;  /* next position to serve */
	uint32_t idle; /* polls in a row that found nothing */
	uint64_t hole_pos, hole_since; /* since when pos hangs unfilled; see proc_abi.h */
	struct proc_pins pins;
	struct proc_windows win;
	struct hv_process_stats stats;
};

struct process {
	struct hv hv;
	int epoll;
	struct list guests; /* every guest */
	struct list run;    /* those polled without being kicked */
	struct proc_guest *slot[PROC_GUESTS];
	unsigned int quiet; /* dispatches since events were last looked at */
	unsigned int nr_dying;
	bool dispatching; /* upcalls are on the stack: no guest may be freed */
};

static inline struct process *process_of(struct hv *h)
{
	return container_of(h, struct process, hv);
}
static inline struct proc_guest *proc_guest_of(const struct hv_guest *g)
{
	return container_of(g, struct proc_guest, g);
}

/* process_ring.c */
/* A fresh ring: what the guest is told, all slots free. */
void proc_ring_init(struct proc_guest *);
/*
 * Copies the request at pos if it is filled and well-formed in *acc.  1, 0 (nothing there), -EINVAL
 * (malformed), PROC_RING_FILE: acc->off is the number of a file that is asked for.
 */
#define PROC_RING_FILE 2
int proc_ring_get(struct proc_guest *, struct hv_access *acc);
/* Ends the access that get() answered, well-formed or not, and moves on to the next position. */
void proc_ring_put(struct proc_guest *, bool write, uint64_t val);
bool proc_ring_filled(const struct proc_guest *);
/* From now on the guest kicks.  Answers true if work is already there (and leaves the guest awake). */
bool proc_ring_sleep(struct proc_guest *);
void proc_ring_awake(struct proc_guest *);
/* After a poke: steps over a position whose taker is gone. */
void proc_ring_mend(struct proc_guest *, uint64_t now_ns);
/* Tells every waiter that the guest was ended. */
void proc_ring_dead(struct proc_guest *, const char *why);

/* process_map.c */
int proc_map(struct hv_guest *, enum hv_space, uint32_t off, uint32_t len, int fd, uint64_t at);
int proc_unmap(struct hv_guest *, enum hv_space, uint32_t off, uint32_t len);
bool proc_unmapped(struct hv_guest *);
/* Sends file nr to the guest; the answer to its load: 0, or 1 if it cannot have it. */
uint64_t proc_file_send(struct proc_guest *, uint32_t nr);
void proc_windows_fini(struct proc_guest *);

/* process_pin.c */
int proc_pin(struct proc_pins *, uint64_t page_nr, uint64_t nr_pages);
void proc_unpin(struct proc_pins *, uint64_t page_nr);
void proc_pins_fini(struct proc_pins *);

/* process_guest.c */
int proc_guest_read(struct hv_guest *, gpa_t src, void *buf, size_t len);
int proc_guest_write(struct hv_guest *, gpa_t dst, const void *buf, size_t len);
int proc_guest_irq(struct hv_guest *, unsigned int vector);
void proc_guest_kill(struct hv_guest *, const char *why);
int proc_guest_pin(struct hv_guest *, gpa_t page, dma_t *out);
void proc_guest_unpin(struct hv_guest *, gpa_t page);
int proc_guest_ram(struct hv_guest *, unsigned int i, struct hv_ram *out);
/* Detaches and frees.  Not while dispatching. */
void proc_guest_reap(struct proc_guest *);

#endif
