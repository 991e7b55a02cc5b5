/* SPDX-License-Identifier: MIT */
/*
 * A vfio-user client by hand, for tests of the port: it says whatever it is
 * told to, well-formed or not, and the core it faces has a few counters.
 */
#ifndef TESTS_UNIT_HV_VM_CLIENT_H
#define TESTS_UNIT_HV_VM_CLIENT_H

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gpuvm/hv/vfio_impl.h"

#define VM_BAR0 (16u << 20)

struct vm_core {
	unsigned int attached, detached, accesses, resets, grants, revokes;
	int revoke_err;
	bool line;
	struct hv_access last;
	uint32_t reg[64];
};

static int vm_attach(void *c, struct hv_guest *g)
{
	struct vm_core *core = c;

	core->attached++;
	g->vgpu = core;
	return 0;
}

static void vm_detach(void *c, struct hv_guest *g)
{
	struct vm_core *core = c;

	assert_ptr_equal(g->vgpu, c);
	core->detached++;
}

static int vm_access(void *c, struct hv_guest *g, struct hv_access *a)
{
	struct vm_core *core = c;

	(void)g;
	/* What the port promises the core. */
	assert_true(a->size == 1 || a->size == 2 || a->size == 4 || a->size == 8);
	assert_true(a->space != HV_BAR0 || range_ok(a->off, a->size, VM_BAR0));
	assert_true(a->space != HV_CFG || range_ok(a->off, a->size, VFIO_CONFIG_LEN));
	core->accesses++;
	core->last = *a;
	if (a->write)
		core->reg[a->off / 4 % 64] = (uint32_t)a->val;
	else
		a->val = core->reg[a->off / 4 % 64];
	return 0;
}

static int vm_revoke(void *c, struct hv_guest *g, gpa_t at, uint64_t len)
{
	struct vm_core *core = c;

	(void)g;
	(void)at;
	(void)len;
	core->revokes++;
	return core->revoke_err;
}

static void vm_reset(void *c, struct hv_guest *g)
{
	(void)g;
	((struct vm_core *)c)->resets++;
}

static int vm_grant(void *c, struct hv_guest *g, const struct hv_ram *r)
{
	(void)g;
	assert_non_null(r->mem);
	((struct vm_core *)c)->grants++;
	return 0;
}

static bool vm_line(void *c, struct hv_guest *g)
{
	(void)g;
	return ((struct vm_core *)c)->line;
}

static const struct hv_up vm_up = { .attach = vm_attach, .detach = vm_detach, .access = vm_access,
				    .revoke = vm_revoke, .reset = vm_reset,   .grant = vm_grant,
				    .line = vm_line };

struct vm {
	struct vm_core core;
	struct hv *hv;
	struct hv_guest *g;
	int fd; /* the client's end */
	uint16_t id;
};

static inline void vm_serve(struct vm *v)
{
	for (int i = 0; i < 20; i++)
		hv_dispatch(v->hv, 1000);
}

/* Sends raw bytes with at most one descriptor. */
static inline void vm_send(struct vm *v, const void *data, size_t len, int fd)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(sizeof(int))];
	} ctl;
	struct iovec iov = { (void *)(uintptr_t)data, len };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *c;

	memset(&ctl, 0, sizeof ctl);
	if (fd >= 0) {
		m.msg_control = ctl.buf;
		m.msg_controllen = sizeof ctl.buf;
		c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof fd);
		memcpy(CMSG_DATA(c), &fd, sizeof fd);
	}
	sendmsg(v->fd, &m, MSG_NOSIGNAL);
}

static inline void vm_put(struct vm *v, uint16_t cmd, uint32_t flags, const void *body, uint32_t len, int fd)
{
	uint8_t buf[VFIO_MSG_MAX];
	struct vfio_hdr h = { ++v->id, cmd, (uint32_t)sizeof h + len, flags, 0 };

	memcpy(buf, &h, sizeof h);
	if (len)
		memcpy(buf + sizeof h, body, len);
	vm_send(v, buf, sizeof h + len, fd);
}

/* The next reply: its error (0: none), or -1 if there is no reply.  Body in out, at most n bytes. */
static inline int vm_get(struct vm *v, void *out, size_t n)
{
	struct vfio_hdr h;
	uint8_t buf[VFIO_MSG_MAX];
	size_t len;

	if (recv(v->fd, &h, sizeof h, MSG_DONTWAIT) != sizeof h)
		return -1;
	assert_int_equal(h.id, v->id);
	assert_int_equal(h.flags & VFIO_HDR_TYPE, VFIO_HDR_REPLY);
	len = h.size - sizeof h;
	if (len)
		assert_int_equal(recv(v->fd, buf, len, MSG_DONTWAIT), len);
	memcpy(out, buf, len < n ? len : n);
	return h.flags & VFIO_HDR_ERROR ? (int)h.error : 0;
}

static inline int vm_call(struct vm *v, uint16_t cmd, const void *body, uint32_t len, int fd)
{
	uint8_t none[1];

	vm_put(v, cmd, 0, body, len, fd);
	vm_serve(v);
	return vm_get(v, none, 0);
}

static inline bool vm_alive(struct vm *v)
{
	return !v->core.detached;
}

static inline void vm_connect(struct vm *v)
{
	static const uint8_t rom[512] = { 0x55, 0xaa };
	int sv[2];
	struct hv_vfio_cfg cfg = { .name = "vm", .bar_len = { VM_BAR0, 1u << 27, 0, 1u << 26 },
				   .rom = rom, .rom_len = sizeof rom };

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv), 0);
	v->fd = sv[0];
	cfg.fd = sv[1];
	assert_int_equal(hv_vfio_guest_new(v->hv, &cfg, &v->g), 0);
}

static inline void vm_greet(struct vm *v)
{
	static const char hello[] = "\0\0\0\0{}";

	assert_int_equal(vm_call(v, VFIO_CMD_VERSION, hello, sizeof hello, -1), 0);
}

static inline int vm_setup(void **state)
{
	struct vm *v = test_calloc(1, sizeof *v);

	assert_int_equal(hv_vfio_open(&vm_up, &v->core, NULL, &v->hv), 0);
	vm_connect(v);
	vm_greet(v);
	*state = v;
	return 0;
}

static inline int vm_teardown(void **state)
{
	struct vm *v = *state;

	hv_close(v->hv);
	assert_int_equal(v->core.attached, v->core.detached);
	close(v->fd);
	test_free(v);
	return 0;
}

/* A memfd of len bytes, sealed as QEMU does or as told. */
static inline int vm_memory(uint64_t len, int seals)
{
	int fd = memfd_create("ram", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)len), 0);
	if (seals)
		assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
	return fd;
}

static inline int vm_map(struct vm *v, uint64_t addr, uint64_t len, int fd, uint64_t offset)
{
	struct vfio_dma_map q = { sizeof q, VFIO_DMA_READ | VFIO_DMA_WRITE, offset, addr, len };

	return vm_call(v, VFIO_CMD_DMA_MAP, &q, sizeof q, fd);
}

static inline int vm_unmap(struct vm *v, uint64_t addr, uint64_t len)
{
	struct vfio_dma_unmap q = { sizeof q, 0, addr, len };

	return vm_call(v, VFIO_CMD_DMA_UNMAP, &q, sizeof q, -1);
}

#endif
