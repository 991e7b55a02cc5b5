// SPDX-License-Identifier: MIT
/*
 * gpuvm-vfio-native: a device served to one virtual machine with no mediator
 * between: what the machine does reaches the device unchecked, as with a board
 * assigned to it.  The baseline for tests and measurements, and the proof that
 * the software GPU is honest as hardware.
 *
 * Always true: guest-physical addresses are the device's bus addresses, and
 * configuration space is what the device shows of it in BAR0.
 */
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "gpuvm/base/bits.h"
#include "gpuvm/base/log.h"
#include "gpuvm/dev/dev.h"
#include "gpuvm/fermi/regs.h"
#include "gpuvm/fermi/vbios.h"
#include "gpuvm/hv/vfio_user.h"

#define BUDGET 512u
#define CONFIG_SHOWN 4096u
/* Between looks at a device without an interrupt descriptor. */
#define TICK_MS 1

struct native {
	struct dev *dev;
	struct hv *hv;
	struct hv_guest *guest; /* NULL before attach and after detach */
	struct log log;
	bool over;
	uint64_t reads[NR_HV_SPACES], writes[NR_HV_SPACES];
};

static int up_attach(void *core, struct hv_guest *g)
{
	struct native *n = core;

	g->vgpu = n;
	n->guest = g;
	return 0;
}

/* The port still has the memory mapped; the device must not. */
static void up_detach(void *core, struct hv_guest *g)
{
	struct native *n = core;
	struct hv_ram r;

	for (unsigned int i = 0; !hv_ram(g, i, &r); i++)
		dev_dma_unmap(n->dev, dma(gpa_x(r.gpa)), r.len);
	n->guest = NULL;
	n->over = true;
}

static uint64_t bytes_rd(struct dev *d, int bar, uint32_t off, unsigned int size)
{
	uint64_t v = 0;

	if (is_aligned(off, size))
		return dev_bar_rd(d, bar, off, (int)size);
	for (unsigned int i = 0; i < size; i++)
		v |= (dev_bar_rd(d, bar, off + i, 1) & 0xff) << 8 * i;
	return v;
}

static void bytes_wr(struct dev *d, int bar, uint32_t off, unsigned int size, uint64_t v)
{
	if (is_aligned(off, size)) {
		dev_bar_wr(d, bar, off, (int)size, v);
		return;
	}
	for (unsigned int i = 0; i < size; i++)
		dev_bar_wr(d, bar, off + i, 1, v >> 8 * i & 0xff);
}

/* Configuration space is a way of its own into the card: bytes of it, where BAR0 takes dwords. */
static uint64_t config_rd(struct dev *d, uint32_t off, unsigned int size)
{
	uint64_t v = 0;

	for (unsigned int i = 0; i < size; i++)
		v |= (uint64_t)(dev_rd32(d, NV_PPCI_CONFIG + ((off + i) & ~3u)) >> 8 * ((off + i) & 3) & 0xff)
		     << 8 * i;
	return v;
}

static void config_wr(struct dev *d, uint32_t off, unsigned int size, uint64_t val)
{
	while (size) {
		uint32_t reg = NV_PPCI_CONFIG + (off & ~3u), v = dev_rd32(d, reg);

		do {
			unsigned int shift = 8 * (off & 3);

			v = (v & ~(0xffu << shift)) | (uint32_t)(val & 0xff) << shift;
			val >>= 8;
			size--;
			off++;
		} while (size && off & 3);
		dev_wr32(d, reg, v);
	}
}

static int up_access(void *core, struct hv_guest *g, struct hv_access *a)
{
	static const int bar_of[NR_HV_SPACES] = { 0, 0, 1, 3, -1 };
	struct native *n = core;
	int bar = bar_of[a->space];

	(void)g;
	(a->write ? n->writes : n->reads)[a->space]++;
	if (bar < 0 || (a->space == HV_CFG && !range_ok(a->off, a->size, CONFIG_SHOWN))) {
		a->val = a->write ? a->val : ~0ull;
		return -EINVAL;
	}
	if (a->space == HV_CFG && a->write)
		config_wr(n->dev, a->off, a->size, a->val);
	else if (a->space == HV_CFG)
		a->val = config_rd(n->dev, a->off, a->size);
	else if (a->write)
		bytes_wr(n->dev, bar, a->off, a->size, a->val);
	else
		a->val = bytes_rd(n->dev, bar, a->off, a->size);
	return 0;
}

static int up_revoke(void *core, struct hv_guest *g, gpa_t start, uint64_t len)
{
	struct native *n = core;

	(void)g;
	return dev_dma_unmap(n->dev, dma(gpa_x(start)), len);
}

static void up_reset(void *core, struct hv_guest *g)
{
	struct native *n = core;

	(void)g;
	dev_reset(n->dev);
}

static int up_grant(void *core, struct hv_guest *g, const struct hv_ram *r)
{
	struct native *n = core;

	(void)g;
	return dev_dma_map(n->dev, dma(gpa_x(r->gpa)), r->mem, r->len);
}

static bool up_line(void *core, struct hv_guest *g)
{
	struct native *n = core;

	(void)g;
	return dev_rd32(n->dev, NV_PMC_INTR_EN) & 1 &&
	       dev_rd32(n->dev, NV_PMC_INTR) & dev_rd32(n->dev, NV_PMC_INTR_MASK);
}

static const struct hv_up up = {
	.attach = up_attach, .detach = up_detach, .access = up_access, .revoke = up_revoke,
	.reset = up_reset,   .grant = up_grant,	  .line = up_line,
};

static const char usage[] =
	"usage: gpuvm-vfio-native --vfio-user PATH [--gpu SPEC]\n"
	"  --vfio-user PATH  socket to create for QEMU's vfio-user-pci; the program ends with its client\n"
	"  --gpu SPEC        the device (sim:vram=256M)\n"
	"  --access-log PATH file for the machine's last accesses, written at its end\n"
	"On SIGUSR1 it prints a line of JSON: the accesses so far.\n";

static int bad(const char *fmt, const char *arg)
{
	fputs("gpuvm-vfio-native: ", stderr);
	fprintf(stderr, fmt, arg);
	fputc('\n', stderr);
	return 2;
}

struct native_opts {
	const char *gpu, *path, *log;
};

/* 0, or an exit code plus 1. */
static int parse(int argc, char **argv, struct native_opts *o)
{
	static const struct option longs[] = { { "gpu", required_argument, NULL, 'g' },
					       { "vfio-user", required_argument, NULL, 'p' },
					       { "access-log", required_argument, NULL, 'l' },
					       { "help", no_argument, NULL, 'h' },
					       { NULL, 0, NULL, 0 } };
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (c) {
		case 'g': o->gpu = optarg; break;
		case 'p': o->path = optarg; break;
		case 'l': o->log = optarg; break;
		case 'h': fputs(usage, stdout); return 1;
		default: return bad("see --help%s", "") + 1;
		}
	}
	if (optind < argc)
		return bad("%s: unexpected argument", argv[optind]) + 1;
	return o->path ? 0 : bad("--vfio-user PATH is missing%s", "") + 1;
}

static int guest_new(struct native *n, const struct native_opts *o)
{
	static const struct vbios_id id = { GF100_PCI_VENDOR, GF100_PCI_DEVICE, { 0x70, 0x00 } };
	uint8_t rom[VBIOS_LEN];
	struct hv_vfio_cfg cfg = { .name = "native", .path = o->path, .rom = rom, .rom_len = sizeof rom,
				   .access_log = o->log };
	struct hv_guest *g;

	vbios_build(rom, &id);
	cfg.bar_len[0] = n->dev->info.bar_len[0];
	cfg.bar_len[1] = n->dev->info.bar_len[1];
	cfg.bar_len[3] = n->dev->info.bar_len[3];
	return hv_vfio_guest_new(n->hv, &cfg, &g);
}

static int open_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static bool irq_raised(struct native *n)
{
	uint64_t count;

	if (dev_has(n->dev, DEV_CAP_IRQ_FD))
		return read(dev_irq_fd(n->dev), &count, sizeof count) == (ssize_t)sizeof count;
	return up_line(n, n->guest);
}

/* As `traps` in gpuvm show --json, and the port's messages. */
static void print_counts(const struct native *n)
{
	static const char *const space[NR_HV_SPACES] = { "config", "bar0", "bar1", "bar3", "pv" };
	struct hv_vfio_stats s = { 0 };

	if (n->guest)
		hv_vfio_guest_stats(n->guest, &s);
	printf("{");
	for (int i = 0; i < NR_HV_SPACES; i++)
		printf("\"%s\": {\"reads\": %" PRIu64 ", \"writes\": %" PRIu64 "}, ", space[i], n->reads[i],
		       n->writes[i]);
	printf("\"messages\": %" PRIu64 "}\n", s.messages);
	fflush(stdout);
}

/* Whether the program shall end. */
static bool told_to_end(const struct native *n, int signal_fd)
{
	struct signalfd_siginfo si;

	if (read(signal_fd, &si, sizeof si) != (ssize_t)sizeof si)
		return false;
	if (si.ssi_signo == SIGUSR1)
		print_counts(n);
	return si.ssi_signo != SIGUSR1;
}

static void serve(struct native *n, int signal_fd)
{
	struct pollfd p[3] = { { .fd = signal_fd, .events = POLLIN },
			       { .fd = hv_poll_fd(n->hv), .events = POLLIN },
			       { .fd = dev_irq_fd(n->dev), .events = POLLIN } };

	while (!n->over) {
		int served = hv_dispatch(n->hv, BUDGET);

		if (n->guest && irq_raised(n))
			hv_irq(n->guest, 0);
		if (served > 0 || n->over || hv_arm(n->hv))
			continue;
		poll(p, p[2].fd < 0 ? 2 : 3, p[2].fd < 0 ? TICK_MS : -1);
		if (p[0].revents && told_to_end(n, signal_fd))
			return;
	}
}

int main(int argc, char **argv)
{
	struct native n = { .log = { .out = stderr, .name = "gpuvm-vfio-native", .level = LOG_INFO } };
	struct native_opts o = { .gpu = "sim:vram=256M" };
	int err = parse(argc, argv, &o), signal_fd;
	char msg[300];

	if (err)
		return err - 1;
	signal_fd = open_signals();
	if (dev_open(o.gpu, &n.log, &n.dev, msg, sizeof msg))
		return bad("%s", msg);
	err = hv_vfio_open(&up, &n, &n.log, &n.hv);
	if (!err)
		err = guest_new(&n, &o);
	if (err) {
		bad("%s: cannot be served", o.path);
	} else {
		log_info(&n.log, "%s ready on %s", o.gpu, o.path);
		serve(&n, signal_fd);
	}
	hv_close(n.hv);
	dev_close(n.dev);
	close(signal_fd);
	return err ? 2 : 0;
}
