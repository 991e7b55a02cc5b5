// SPDX-License-Identifier: MIT
/*
 * Fuzzes the vfio-user port in front of the real core: a client that sends any
 * bytes, frames of any command with bodies nearly right, descriptors of every
 * kind, in any order, and hangs up when it likes.
 *
 * The claim, checked after each input: another machine on the same port is
 * still served and has its memory as it was, the isolation audit finds nothing,
 * no descriptor stays open and nothing is left of the guests.
 *
 * An input is a list of steps, one tag byte each: bits 0-2 the step, bits 3-5 the
 * kind of descriptor that goes along, bit 6 no reply wanted, bit 7 numbers are
 * raw, else near what is sound.  Whatever bytes come, they mean something.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gpuvm/gpuvm.h"
#include "gpuvm/hv/vfio_user.h"
#include "gpuvm/hv/vfio_wire.h"

#define GUEST_VRAM (8ull << 20)
#define RAM_LEN (1ull << 20)
#define MAX_STEPS 512
#define MAX_BODY 1024u
#define MAX_LIVES 8 /* of the bad client, in one input */
#define CANARY 0x5ca1ab1ecafef00dull
#define CANARY_AT 0x3000u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum fd_kind { FD_NONE, FD_SEALED, FD_LOOSE, FD_EVENT, FD_PIPE, FD_NULL, NR_FD_KINDS };

struct client {
	int fd; /* -1: none */
	uint16_t id;
};

struct fuzz {
	struct gpuvm *g;
	struct hv *hv;
	int kind[NR_FD_KINDS]; /* open as long as the program; -1: none */
	struct client bad, good;
	struct hv_guest *watcher;
	uint8_t *good_ram;
	int lives;
	const uint8_t *p, *end;
};

#define must(x)                                                                                    \
	do {                                                                                       \
		if (!(x)) {                                                                        \
			fprintf(stderr, "fuzz_vfio: not true: %s\n", #x);                          \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

/* The next n bytes of the input as a number; 0 past its end. */
static uint64_t take(struct fuzz *f, size_t n)
{
	uint64_t v = 0;

	if ((size_t)(f->end - f->p) < n)
		n = (size_t)(f->end - f->p);
	memcpy(&v, f->p, n);
	f->p += n;
	return v;
}

static void serve(struct fuzz *f)
{
	uint64_t next;

	for (int i = 0; i < 3; i++) {
		dev_advance(f->g->dev, 1000);
		gpuvm_step(f->g, dev_now(f->g->dev), &next);
	}
}

/* Bytes with at most one descriptor; what the socket does not take is lost, as after a hang-up. */
static void put(struct client *c, const void *data, size_t len, int fd)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(sizeof(int))];
	} ctl = { 0 };
	struct iovec iov = { (void *)(uintptr_t)data, len };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (fd >= 0) {
		struct cmsghdr *h;

		m.msg_control = ctl.buf;
		m.msg_controllen = sizeof ctl.buf;
		h = CMSG_FIRSTHDR(&m);
		h->cmsg_level = SOL_SOCKET;
		h->cmsg_type = SCM_RIGHTS;
		h->cmsg_len = CMSG_LEN(sizeof fd);
		memcpy(CMSG_DATA(h), &fd, sizeof fd);
	}
	sendmsg(c->fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void frame(struct client *c, uint16_t cmd, uint32_t flags, const void *body, uint32_t len, int fd)
{
	uint8_t buf[sizeof(struct vfio_hdr) + MAX_BODY];
	struct vfio_hdr h = { ++c->id, cmd, (uint32_t)sizeof h + len, flags, 0 };

	memcpy(buf, &h, sizeof h);
	memcpy(buf + sizeof h, body, len);
	put(c, buf, sizeof h + len, fd);
}

static void drain(struct client *c)
{
	uint8_t rest[4096];

	while (recv(c->fd, rest, sizeof rest, MSG_DONTWAIT) > 0)
		;
}

static struct hv_guest *connect_client(struct fuzz *f, const char *name, struct client *c)
{
	static const uint8_t rom[512] = { 0x55, 0xaa };
	const struct vgpu_cfg v = { .mode = VGPU_FULL, .vram_len = GUEST_VRAM, .pci_off = false };
	struct hv_vfio_cfg cfg = { .name = name, .rom = rom, .rom_len = sizeof rom, .cfg = &v,
				   .bar_len = { GF100_BAR0_LEN, GF100_BAR1_LEN, 0, GF100_BAR3_LEN } };
	struct hv_guest *g;
	int sv[2];

	must(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv));
	c->fd = sv[0];
	cfg.fd = sv[1];
	must(!hv_vfio_guest_new(f->hv, &cfg, &g));
	return g;
}

static void greet(struct client *c)
{
	static const char hello[] = "\0\0\0\0{}";

	frame(c, VFIO_CMD_VERSION, 0, hello, sizeof hello, -1);
}

static void hang_up(struct fuzz *f)
{
	close(f->bad.fd);
	f->bad.fd = -1;
	serve(f);
	must(f->g->nr_vgpus == 1);
}

/* ---- steps ---------------------------------------------------------------------------------- */

struct step {
	uint32_t flags;
	int fd;
	bool raw;
};

static void any_frame(struct fuzz *f, const struct step *s)
{
	uint16_t cmd = (uint16_t)(s->raw ? take(f, 2) : take(f, 1) % 17);
	uint32_t len = (uint32_t)take(f, 1) * (s->raw ? 4 : 1);
	uint8_t body[MAX_BODY];

	for (uint32_t i = 0; i < len; i++)
		body[i] = (uint8_t)take(f, 1);
	frame(&f->bad, cmd, s->raw ? (uint32_t)take(f, 1) : s->flags, body, len, s->fd);
}

/* Any bytes: also a header whose size is a lie, and a message that ends in its middle. */
static void bytes(struct fuzz *f, const struct step *s)
{
	uint8_t buf[256];
	uint32_t len = 1 + (uint32_t)take(f, 1) % sizeof buf;

	for (uint32_t i = 0; i < len; i++)
		buf[i] = (uint8_t)take(f, 1);
	put(&f->bad, buf, len, s->fd);
}

static void some_rw(struct fuzz *f, const struct step *s, struct vfio_rw *q)
{
	static const uint32_t region[] = { VFIO_BAR0, VFIO_BAR1, VFIO_BAR3, VFIO_BAR5, VFIO_ROM, VFIO_CONFIG };

	q->region = (uint32_t)(s->raw ? take(f, 4) : region[take(f, 1) % 6]);
	q->offset = s->raw ? take(f, 8) : take(f, 3);
	q->count = (uint32_t)(s->raw ? take(f, 4) : 1u << take(f, 1) % 4);
	if (q->region == VFIO_CONFIG && !s->raw)
		q->offset &= 0xfff;
}

static void region(struct fuzz *f, const struct step *s)
{
	struct {
		struct vfio_rw q;
		uint64_t val;
	} m = { 0 };
	bool write = take(f, 1) & 1;

	some_rw(f, s, &m.q);
	m.val = write ? take(f, 4) : 0;
	frame(&f->bad, write ? VFIO_CMD_REGION_WRITE : VFIO_CMD_REGION_READ, s->flags, &m,
	      write && m.q.count <= 8 ? (uint32_t)sizeof m.q + m.q.count : (uint32_t)sizeof m.q, s->fd);
}

static void multi(struct fuzz *f, const struct step *s)
{
	struct {
		uint64_t nr;
		struct vfio_write w[16];
	} m = { .nr = take(f, 1) % 16 };
	uint32_t len = (uint32_t)(8 + m.nr * sizeof m.w[0]);

	for (uint64_t i = 0; i < m.nr; i++) {
		struct vfio_rw q;
		uint64_t val;

		some_rw(f, s, &q);
		val = take(f, 4);
		m.w[i] = (struct vfio_write){ q.offset, q.region, q.count, { 0 } };
		memcpy(m.w[i].data, &val, sizeof val);
	}
	if (s->raw)
		m.nr = take(f, 8);
	frame(&f->bad, VFIO_CMD_WRITE_MULTI, s->flags, &m, len, s->fd);
}

static void memory(struct fuzz *f, const struct step *s)
{
	bool map = take(f, 1) & 1;
	uint64_t page = s->raw ? 1 : 4096;
	struct vfio_dma_map q = { sizeof q, 3, take(f, 1) * page, take(f, s->raw ? 8 : 1) * page,
				  take(f, s->raw ? 8 : 1) * page };
	struct vfio_dma_unmap u = { sizeof u, 0, q.addr, q.size };

	if (s->raw)
		q.flags = u.flags = (uint32_t)take(f, 1);
	if (map)
		frame(&f->bad, VFIO_CMD_DMA_MAP, s->flags, &q, sizeof q, s->fd);
	else
		frame(&f->bad, VFIO_CMD_DMA_UNMAP, s->flags, &u, sizeof u, s->fd);
}

static void interrupts(struct fuzz *f, const struct step *s)
{
	struct vfio_irq_set q = { sizeof q, (uint32_t)take(f, 1), (uint32_t)take(f, 1) % 8, 0, 1 };

	if (s->raw) {
		q.start = (uint32_t)take(f, 4);
		q.count = (uint32_t)take(f, 4);
	}
	frame(&f->bad, VFIO_CMD_SET_IRQS, s->flags, &q, sizeof q, s->fd);
}

static void life(struct fuzz *f, const struct step *s)
{
	if (!s->raw || f->lives++ >= MAX_LIVES)
		return;
	hang_up(f);
	connect_client(f, "bad", &f->bad);
	if (take(f, 1) & 1)
		greet(&f->bad);
}

static void one(struct fuzz *f)
{
	uint8_t tag = (uint8_t)take(f, 1);
	const struct step s = { .flags = tag & 0x40 ? 1u << 4 : 0, .fd = f->kind[(tag >> 3 & 7) % NR_FD_KINDS],
				.raw = tag & 0x80 };

	switch (tag & 7) {
	case 0: any_frame(f, &s); break;
	case 1: bytes(f, &s); break;
	case 2: region(f, &s); break;
	case 3: multi(f, &s); break;
	case 4: memory(f, &s); break;
	case 5: interrupts(f, &s); break;
	case 6: life(f, &s); return;
	default: break; /* more of the same message, without a turn of the port between */
	}
	if (tag & 7) {
		serve(f);
		drain(&f->bad);
	}
}

/* ---- an input ---------------------------------------------------------------------------------- */

static int open_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	must(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static int memory_file(int seals)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	must(fd >= 0 && !ftruncate(fd, RAM_LEN) && (!seals || !fcntl(fd, F_ADD_SEALS, seals)));
	return fd;
}

static void open_once(struct fuzz *f)
{
	const struct gpuvm_cfg cfg = { 0 };
	struct dev *dev;
	char msg[256] = "";
	int p[2];

	if (f->g)
		return;
	must(!dev_open("sim:vram=256M,clock=manual", NULL, &dev, msg, sizeof msg));
	must(!gpuvm_new(dev, &cfg, &f->g, msg, sizeof msg));
	must(!hv_vfio_open(&gpuvm_up, f->g, NULL, &f->hv));
	gpuvm_set_hv(f->g, f->hv);
	must(!pipe2(p, O_CLOEXEC | O_NONBLOCK));
	f->kind[FD_NONE] = -1;
	f->kind[FD_SEALED] = memory_file(F_SEAL_SHRINK);
	f->kind[FD_LOOSE] = memory_file(0);
	f->kind[FD_EVENT] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	f->kind[FD_PIPE] = p[1];
	f->kind[FD_NULL] = open("/dev/null", O_RDWR | O_CLOEXEC);
}

static hvram_t canary_at(struct fuzz *f)
{
	const struct vgpu *v = f->watcher->vgpu;
	hvram_t at = hvram(0);

	must(!part_vram_g2h(v->part, gvram(CANARY_AT), 8, &at));
	return at;
}

static void begin(struct fuzz *f)
{
	const struct vfio_dma_map ram = { sizeof ram, 3, 0, 0, RAM_LEN };
	const uint64_t canary = CANARY;
	int fd = memory_file(F_SEAL_SHRINK);

	f->lives = 0;
	f->watcher = connect_client(f, "good", &f->good);
	connect_client(f, "bad", &f->bad);
	greet(&f->good);
	frame(&f->good, VFIO_CMD_DMA_MAP, 0, &ram, sizeof ram, fd);
	greet(&f->bad);
	serve(f);
	drain(&f->good);
	drain(&f->bad);
	f->good_ram = mmap(NULL, RAM_LEN, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	must(f->good_ram != MAP_FAILED);
	close(fd);
	memcpy(f->good_ram + CANARY_AT, &canary, sizeof canary);
	must(!dev_vram_wr(f->g->dev, canary_at(f), &canary, sizeof canary));
}

/* The other machine asks for what every card answers. */
static void good_is_served(struct fuzz *f)
{
	const struct vfio_rw q = { 0, VFIO_BAR0, 4 };
	struct {
		struct vfio_hdr h;
		struct vfio_rw q;
		uint32_t val;
	} r = { 0 };

	frame(&f->good, VFIO_CMD_REGION_READ, 0, &q, sizeof q, -1);
	serve(f);
	must(recv(f->good.fd, &r, sizeof r, MSG_DONTWAIT) == 36);
	must(r.h.id == f->good.id && r.h.flags == VFIO_HDR_REPLY && r.val >> 20 == 0x0c0);
}

static void end(struct fuzz *f)
{
	uint64_t in_vram = 0, in_ram;

	good_is_served(f);
	must(!gpuvm_audit(f->g, stderr));
	must(!dev_vram_rd(f->g->dev, canary_at(f), &in_vram, sizeof in_vram));
	memcpy(&in_ram, f->good_ram + CANARY_AT, sizeof in_ram);
	must(in_vram == CANARY && in_ram == CANARY);
	hang_up(f);
	close(f->good.fd);
	serve(f);
	must(f->g->nr_vgpus == 0);
	must(!gpuvm_audit(f->g, stderr));
	munmap(f->good_ram, RAM_LEN);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct fuzz f; /* lives as long as the program: opening a card costs more than an input */
	int before;

	open_once(&f);
	before = open_fds();
	f.p = data;
	f.end = data + len;
	begin(&f);
	for (int n = 0; n < MAX_STEPS && f.p < f.end; n++)
		one(&f);
	end(&f);
	must(open_fds() == before);
	return 0;
}
