/* SPDX-License-Identifier: MIT */
/*
 * Wire format of high-performance paravirtualization ("hp-pv").  Includes
 * stdint only; both sides include it.  docs/pv-abi.md tells it in prose.
 *
 * The guest has no registers of a GPU.  It asks for address spaces, objects,
 * channels and submissions by requests on a ring in its own RAM; the mediator
 * runs the driver.  What is asked for most needs no answer, and what the GPU
 * has finished is read in memory.
 */
#ifndef PV_DRIVER_HP_ABI_H
#define PV_DRIVER_HP_ABI_H

#include <stdint.h>

#define HP_MAGIC 0x50486770u /* "pgHP" */
#define HP_VERSION 1u

/* ---- the call page: 32-bit registers, 4-byte accesses only ---------------------------- */

#define HP_PAGE_LEN 4096u
enum hp_reg {
	HP_REG_MAGIC = 0x00,	    /* R */
	HP_REG_VERSION = 0x04,	    /* R: highest version the mediator speaks */
	HP_REG_FEATURES = 0x08,	    /* R: HP_FEAT_* offered */
	HP_REG_DRV_VERSION = 0x18,  /* RW: what the guest speaks */
	HP_REG_DRV_FEATURES = 0x1c, /* RW: which features it will use */
	HP_REG_RING_LO = 0x20,	    /* RW: guest-physical address of HP_RING_LEN bytes, page-aligned */
	HP_REG_RING_HI = 0x24,
	/*
	 * W: 1 starts a session, 0 ends it; either way everything of an earlier one goes.
	 * R: enum hp_session.
	 */
	HP_REG_ENABLE = 0x2c,
	HP_REG_BELL = 0x30, /* W: the doorbell; R: requests taken so far, counted as tail is */
};

enum hp_feature {
	HP_FEAT_EXPOSE = 1 << 0, /* HP_OP_EXPOSE: VRAM objects can be seen through BAR1 */
	HP_FEAT_BELL = 1 << 1,	 /* hp_ring.bell says whether the bell need be rung */
};

enum hp_session {
	HP_SESSION_OFF,
	HP_SESSION_ON,
	HP_SESSION_BAD_VERSION,
	HP_SESSION_BAD_FEATURES, /* something that was not offered */
	HP_SESSION_BAD_RING,	 /* address, or not the guest's RAM */
	HP_SESSION_NO_GPU,	 /* the mediator could not start it */
	HP_SESSION_BROKEN,	 /* ended by a ring that made no sense */
};

/* ---- the ring: HP_RING_LEN bytes of guest RAM ------------------------------------------- */

#define HP_CHANS 128u
#define HP_SLOTS 1024u /* a power of two */
#define HP_SLOT_LEN 64u

/*
 * Indices count slots and never wrap but at 2^32; slot i is at i % HP_SLOTS.
 * head moves by the guest, with release; tail by the mediator, with release,
 * once the requests before it were taken (copied; not: carried out later).
 */
struct hp_ring {
	uint32_t head; /* atomic, guest */
	uint32_t pad0[15];
	uint32_t tail; /* atomic, mediator */
	/*
	 * atomic, mediator: with HP_FEAT_BELL the bell need be rung only by who moves head past this
	 * (hp_bell_due); a mediator that looks at head anyway leaves it behind.
	 */
	uint32_t bell;
	uint32_t pad1[14];
	/* atomic, guest: how many of its threads sleep until an interrupt says that fences moved */
	uint32_t waiters;
	uint32_t pad2[15];
	/* The answer to the last request with a tag; the tag is written last. */
	struct hp_answer {
		uint32_t tag; /* atomic, mediator */
		int32_t error; /* 0 or an errno of Linux, negative */
		uint64_t val[7];
	} answer;
	uint64_t pad3[24];
	uint32_t state[HP_CHANS]; /* atomic, mediator: enum hp_chan_state */
};
/* head moved from one to the other, and bell was read after the store (sequentially consistent). */
static inline int hp_bell_due(uint32_t bell, uint32_t from, uint32_t to)
{
	return to - bell - 1 < to - from;
}

#define HP_HOST_OFF 0x1000u /* what the mediator's driver keeps in guest RAM: fences */
#define HP_HOST_LEN 0x3000u
#define HP_SLOTS_OFF 0x4000u
#define HP_RING_LEN (HP_SLOTS_OFF + HP_SLOTS * HP_SLOT_LEN)

enum hp_chan_state { HP_CHAN_NONE, HP_CHAN_RUNS, HP_CHAN_DEAD };

/* ---- requests ----------------------------------------------------------------------------- */

struct hp_req {
	uint16_t op;	/* enum hp_op */
	uint16_t slots; /* this one and those that follow with the rest of it */
	uint32_t tag;	/* 0: no answer; an error then stops the channel it names, if it names one */
	uint32_t id, id2;
	uint64_t a, b, c;
	uint32_t n, pad;
	uint64_t pad2[2];
};

/* A piece of a submission; four in a slot, behind the request's own. */
struct hp_piece {
	uint64_t va;
	uint32_t dwords; /* bit 31: fetch only after everything before it was carried out */
	uint32_t pad;
};
#define HP_PIECES_MAX 512u
#define HP_REQ_SLOTS_MAX (1u + HP_PIECES_MAX / 4)

enum hp_op {
	HP_OP_SYNC = 1, /* nothing: its answer says that what was asked before it is done */
	HP_OP_INFO,	/* answers struct hp_info in val */
	HP_OP_VAS_NEW,	/* val[0]: an id; an address space, one for each process that opened the GPU */
	HP_OP_VAS_FREE, /* id; its channels are gone */
	/*
	 * a bytes; b: guest-physical address of system memory, HP_VRAM for VRAM; n: HP_BO_*.
	 * id not 0: also mapped in that address space, as by HP_OP_MAP with flags c.
	 * val[0]: an id, val[1]: the address
	 */
	HP_OP_BO_NEW,
	HP_OP_BO_FREE, /* id; unmapped wherever it is */
	HP_OP_MAP,     /* object id in address space id2; c: HP_MAP_*; val[0]: the address */
	HP_OP_UNMAP,   /* object id leaves address a of address space id2 */
	/* in address space id; n: engines, as enum drv_engine_bit; struct hp_chan in val */
	HP_OP_CHAN_NEW,
	HP_OP_CHAN_FREE, /* id; off the GPU at once */
	HP_OP_CHAN_STOP, /* id; dead from now on, still to be freed */
	/* channel id: n pieces, then a fence, whose number is one more than the last one's */
	HP_OP_SUBMIT,
	HP_OP_EXPOSE, /* object id (VRAM); val[0]: where BAR1 shows it until it is freed */
	/* channel id, dead: in words, from byte a (a multiple of 56) on, ended by 0; as text in val */
	HP_OP_WHY,
	HP_OP_END
};

#define HP_WHY_MAX 112u
#define HP_VRAM (~0ull)
#define HP_BO_SMALL 1u /* VRAM: pages of 4 KiB even where larger ones would do */
#define HP_MAP_RO (1u << 0)
#define HP_MAP_PRIV (1u << 1)
#define HP_MAP_NC (1u << 2)
#define HP_MAP_KIND(k) ((uint32_t)(k) << 8)
#define HP_MAP_ALL 0xff07u

struct hp_info {
	uint64_t vram_len, vram_free, time;
	uint32_t boot0, engines;
	uint32_t nr_gpc, nr_tpc;
	uint32_t entries; /* what a channel's ring holds: pieces, and one for each fence */
	uint32_t pad;
};
struct hp_chan {
	uint64_t fence; /* offset in the ring of the word that the GPU writes fences to */
	uint32_t id, seq; /* number of the last fence so far */
};

_Static_assert(sizeof(struct hp_answer) == 64, "a line");
_Static_assert(sizeof(struct hp_req) == HP_SLOT_LEN, "a slot");
_Static_assert(HP_SLOT_LEN % sizeof(struct hp_piece) == 0, "pieces fill slots");
_Static_assert(sizeof(struct hp_ring) <= HP_HOST_OFF, "the header is a page");
_Static_assert(sizeof(struct hp_info) <= 56 && sizeof(struct hp_chan) <= 56, "fits in val");

#endif
