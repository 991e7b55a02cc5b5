// SPDX-License-Identifier: MIT
/*
 * The PCI bus: the GPU is a PCI function of this machine that no kernel driver
 * has, in a virtual machine as a rule.  Its BARs are mapped here; each load and
 * store is the hypervisor's to trap.
 *
 *  1. System memory is huge pages: pinned, and contiguous for the GPU.  Their
 *     physical addresses come from the kernel (/proc/self/pagemap), so this is
 *     for root only, and there must be no IOMMU between.
 *  2. The pages lie in the window in the order of their physical addresses, so
 *     what is contiguous for the GPU is contiguous here.
 *  3. No interrupt reaches a program without a kernel driver: irq_fd is a clock,
 *     and irq_wait looks at the GPU's own pending bits.
 */
#include <errno.h>
#include <fcntl.h>
#include <pciaccess.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "gpuvm/base/bits.h"
#include "gpuvm/base/clock.h"
#include "gpuvm/base/mem.h"
#include "pv-driver/bus.h"
#include "pv-driver/private.h"

#define VENDOR_NVIDIA 0x10de
#define HUGE_PAGE (2ull << 20)
#define HUGE_PAGES 256u /* at most; as many as the machine has free */
#define TICK_NS 5000000u
#define PAGEMAP_PRESENT (1ull << 63)
#define PAGEMAP_FRAME ((1ull << 55) - 1)
#define AT_COMMAND 0x04
#define COMMAND_MEMORY_MASTER 0x6

struct pci_bus {
	struct bus bus; /* first */
	struct pci_device *dev; /* libpciaccess's */
	bool system;		/* pci_system_init() was called */
	void *bar[4];		/* 0, 1, 3 */
	uint64_t bar_len[4];
	int fd;		 /* of the huge pages, or -1 */
	int tick;	 /* timerfd, or -1 */
	uint8_t *window; /* nr_pages huge pages, or NULL */
	uint64_t *phys;	 /* owned: of each, ascending */
	unsigned int nr_pages;
	pthread_mutex_t lock; /* guards heap and mems */
	struct heap heap;     /* of physical addresses */
	struct list mems;     /* struct pci_mem */
};
struct pci_mem {
	struct list node;
	struct heap_node *at; /* owned */
};

static struct pci_bus *pci(struct bus *b)
{
	return container_of(b, struct pci_bus, bus);
}

static uint32_t pci_rd32(struct bus *b, uint32_t reg)
{
	return *(volatile uint32_t *)((uint8_t *)pci(b)->bar[0] + reg);
}

static void pci_wr32(struct bus *b, uint32_t reg, uint32_t val)
{
	*(volatile uint32_t *)((uint8_t *)pci(b)->bar[0] + reg) = val;
}

static void pci_wr8(struct bus *b, uint32_t reg, uint8_t val)
{
	*((volatile uint8_t *)pci(b)->bar[0] + reg) = val;
}

/* The largest naturally aligned access at off that does not pass len. */
static unsigned int step_size(uint64_t off, size_t len)
{
	unsigned int size = 8;

	while (size > 1 && (!is_aligned(off, size) || size > len))
		size /= 2;
	return size;
}

/*
 * n naturally aligned elements.  String instructions, because a hypervisor that
 * traps them is told of a page's worth at once; the order is ascending.
 */
static void copy_elements(void *to, const void *from, unsigned int size, size_t n)
{
	switch (size) {
	case 8: __asm__ volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(n) : : "memory"); break;
	case 4: __asm__ volatile("rep movsl" : "+D"(to), "+S"(from), "+c"(n) : : "memory"); break;
	case 2: __asm__ volatile("rep movsw" : "+D"(to), "+S"(from), "+c"(n) : : "memory"); break;
	default: __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(n) : : "memory"); break;
	}
}

/* Bytes that can go as elements of that size. */
static size_t run_len(size_t len, unsigned int size)
{
	return size == 8 ? len & ~(size_t)7 : size;
}

static void pci_bar_rd(struct bus *b, int bar, uint64_t off, void *buf, size_t len)
{
	const uint8_t *at = pci(b)->bar[bar];
	uint8_t *to = buf;

	while (len) {
		unsigned int size = step_size(off, len);
		size_t n = run_len(len, size);

		copy_elements(to, at + off, size, n / size);
		to += n;
		off += n;
		len -= n;
	}
}

static void pci_bar_wr(struct bus *b, int bar, uint64_t off, const void *buf, size_t len)
{
	uint8_t *at = pci(b)->bar[bar];
	const uint8_t *from = buf;

	while (len) {
		unsigned int size = step_size(off, len);
		size_t n = run_len(len, size);

		copy_elements(at + off, from, size, n / size);
		from += n;
		off += n;
		len -= n;
	}
}

static uint64_t pci_bar_len(struct bus *b, int bar)
{
	return bar >= 0 && bar < 4 ? pci(b)->bar_len[bar] : 0;
}

static void *pci_bar_cpu(struct bus *b, int bar)
{
	return bar >= 0 && bar < 4 ? pci(b)->bar[bar] : NULL;
}

/* ---- memory ------------------------------------------------------------------------ */

/* Where the physical address lies in the window. */
static uint8_t *cpu_of(struct pci_bus *n, uint64_t phys)
{
	for (unsigned int i = 0; i < n->nr_pages; i++)
		if (phys >= n->phys[i] && phys - n->phys[i] < HUGE_PAGE)
			return n->window + i * HUGE_PAGE + (phys - n->phys[i]);
	return NULL;
}

static int pci_mem_alloc(struct bus *b, uint64_t len, struct bus_mem *out)
{
	struct pci_bus *n = pci(b);
	struct pci_mem *m = mem_new(struct pci_mem);
	int err;

	if (!m)
		return -ENOMEM;
	len = align_up(len, PAGE);
	pthread_mutex_lock(&n->lock);
	err = heap_alloc(&n->heap, len, PAGE, false, &m->at);
	if (!err) {
		list_add_tail(&n->mems, &m->node);
		*out = (struct bus_mem){ cpu_of(n, m->at->at), m->at->at, len };
		memset(out->cpu, 0, len);
	}
	pthread_mutex_unlock(&n->lock);
	if (err)
		mem_free(m);
	return err ? -ENOMEM : 0;
}

static void mem_drop(struct pci_bus *n, struct pci_mem *m)
{
	list_del(&m->node);
	heap_free(&n->heap, m->at);
	mem_free(m);
}

static void pci_mem_free(struct bus *b, struct bus_mem *mem)
{
	struct pci_bus *n = pci(b);
	struct pci_mem *m, *tmp;

	pthread_mutex_lock(&n->lock);
	list_for_each_safe(m, tmp, &n->mems, node)
		if (m->at->at == mem->addr)
			mem_drop(n, m);
	pthread_mutex_unlock(&n->lock);
	memset(mem, 0, sizeof(*mem));
}

struct huge_page {
	uint64_t phys;
	off_t at; /* in the memory file */
};

static int by_phys(const void *a, const void *b)
{
	uint64_t x = ((const struct huge_page *)a)->phys, y = ((const struct huge_page *)b)->phys;

	return x < y ? -1 : x > y;
}

/* The physical address of the page at p, which is there; 0 if the kernel does not tell. */
static uint64_t phys_of(int pagemap, const void *p)
{
	uint64_t word = 0;

	if (pread(pagemap, &word, sizeof(word), (off_t)((uintptr_t)p / PAGE * sizeof(word))) !=
		    sizeof(word) ||
	    !(word & PAGEMAP_PRESENT))
		return 0;
	return (word & PAGEMAP_FRAME) * PAGE;
}

/* Takes huge pages one by one, as many as there are: their addresses first. */
static unsigned int take_pages(struct pci_bus *n, int pagemap, struct huge_page *page)
{
	unsigned int nr = 0;

	while (nr < HUGE_PAGES) {
		off_t at = (off_t)(nr * HUGE_PAGE);
		void *p;

		if (fallocate(n->fd, 0, at, HUGE_PAGE))
			break;
		p = mmap(NULL, HUGE_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, n->fd, at);
		if (p == MAP_FAILED)
			break;
		memset(p, 0, PAGE);
		page[nr] = (struct huge_page){ phys_of(pagemap, p), at };
		munmap(p, HUGE_PAGE);
		if (!page[nr].phys)
			break;
		nr++;
	}
	return nr;
}

static int lay_out(struct pci_bus *n, const struct huge_page *page)
{
	int err = 0;

	n->window = mmap(NULL, n->nr_pages * HUGE_PAGE, PROT_NONE,
			 MAP_SHARED | MAP_POPULATE, n->fd, 0);
	if (n->window == MAP_FAILED) {
		n->window = NULL;
		return -ENOMEM;
	}
	for (unsigned int i = 0; !err && i < n->nr_pages; i++) {
		void *at = n->window + i * HUGE_PAGE;

		n->phys[i] = page[i].phys;
		if (mmap(at, HUGE_PAGE, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_POPULATE | MAP_FIXED, n->fd, page[i].at) == MAP_FAILED)
			err = -errno;
		else
			err = heap_add(&n->heap, page[i].phys, HUGE_PAGE);
	}
	return err;
}

static int memory_open(struct pci_bus *n)
{
	struct huge_page *page = mem_calloc(HUGE_PAGES, sizeof(*page));
	int pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC), err = 0;

	n->phys = mem_calloc(HUGE_PAGES, sizeof(*n->phys));
	n->fd = memfd_create("gpuvm-memory", MFD_CLOEXEC | MFD_HUGETLB);
	if (!page || !n->phys)
		err = -ENOMEM;
	else if (pagemap < 0 || n->fd < 0)
		err = -errno;
	if (!err) {
		n->nr_pages = take_pages(n, pagemap, page);
		qsort(page, n->nr_pages, sizeof(*page), by_phys);
		err = n->nr_pages ? lay_out(n, page) : -ENOMEM;
	}
	if (pagemap >= 0)
		close(pagemap);
	mem_free(page);
	return err;
}

/* ---- interrupts -------------------------------------------------------------------- */

static int pci_irq_fd(struct bus *b)
{
	return pci(b)->tick;
}

static int pci_irq_wait(struct bus *b, uint64_t ns)
{
	struct pci_bus *n = pci(b);
	struct pollfd p = { .fd = n->tick, .events = POLLIN };
	uint64_t until = clock_ns() + ns, ticks;

	for (;;) {
		if (read(n->tick, &ticks, sizeof(ticks)) == sizeof(ticks) && pci_rd32(b, NV_PMC_INTR))
			return 0;
		if (clock_ns() >= until)
			return -ETIMEDOUT;
		poll(&p, 1, 1 + (int)(TICK_NS / 1000000));
	}
}

/* ---- open and close ----------------------------------------------------------------- */

static void pci_close(struct bus *b)
{
	struct pci_bus *n = pci(b);
	struct pci_mem *m, *tmp;

	list_for_each_safe(m, tmp, &n->mems, node)
		mem_drop(n, m);
	heap_fini(&n->heap);
	for (int i = 0; i < 4; i++)
		if (n->bar[i])
			pci_device_unmap_range(n->dev, n->bar[i], n->bar_len[i]);
	if (n->window)
		munmap(n->window, n->nr_pages * HUGE_PAGE);
	if (n->fd >= 0)
		close(n->fd);
	if (n->tick >= 0)
		close(n->tick);
	mem_free(n->phys);
	if (n->system)
		pci_system_cleanup();
	pthread_mutex_destroy(&n->lock);
	mem_free(n);
}

static const struct bus_ops pci_ops = {
	.name = "pci",
	.close = pci_close,
	.rd32 = pci_rd32,
	.wr32 = pci_wr32,
	.wr8 = pci_wr8,
	.bar_rd = pci_bar_rd,
	.bar_wr = pci_bar_wr,
	.bar_len = pci_bar_len,
	.mem_alloc = pci_mem_alloc,
	.mem_free = pci_mem_free,
	.irq_wait = pci_irq_wait,
	.irq_fd = pci_irq_fd,
	.bar_cpu = pci_bar_cpu,
};

/* at: "DDDD:BB:DD.F", or empty for the first NVIDIA display controller. */
static int find_device(struct pci_bus *n, const char *at, char *msg, size_t len)
{
	struct pci_id_match any = { .vendor_id = VENDOR_NVIDIA, .device_id = PCI_MATCH_ANY,
				    .subvendor_id = PCI_MATCH_ANY, .subdevice_id = PCI_MATCH_ANY,
				    .device_class = 0x030000, .device_class_mask = 0xff0000 };
	struct pci_device_iterator *it;
	unsigned int domain, bus, slot, function;
	char rest;

	if (pci_system_init()) {
		snprintf(msg, len, "pci: no PCI functions can be listed here");
		return -ENODEV;
	}
	n->system = true;
	if (*at && sscanf(at, "%x:%x:%x.%u%c", &domain, &bus, &slot, &function, &rest) != 4) {
		snprintf(msg, len, "pci:%s: not a function's address (0000:00:10.0)", at);
		return -EINVAL;
	}
	if (*at) {
		n->dev = pci_device_find_by_slot(domain, bus, slot, function);
	} else {
		it = pci_id_match_iterator_create(&any);
		n->dev = pci_device_next(it);
		pci_iterator_destroy(it);
	}
	if (n->dev && !pci_device_probe(n->dev))
		return 0;
	snprintf(msg, len, *at ? "pci:%s: no such function" : "pci:%s no NVIDIA GPU here", at);
	return -ENODEV;
}

static int map_bars(struct pci_bus *n)
{
	static const int bars[] = { 0, 1, 3 };
	int err;

	pci_device_enable(n->dev);
	err = pci_device_cfg_write_bits(n->dev, COMMAND_MEMORY_MASTER, COMMAND_MEMORY_MASTER,
					AT_COMMAND);
	for (size_t i = 0; !err && i < ARRAY_SIZE(bars); i++) {
		const struct pci_mem_region *r = &n->dev->regions[bars[i]];

		err = pci_device_map_range(n->dev, r->base_addr, r->size, PCI_DEV_MAP_FLAG_WRITABLE,
					   &n->bar[bars[i]]);
		n->bar_len[bars[i]] = err ? 0 : r->size;
	}
	return -err;
}

static int start_clock(struct pci_bus *n)
{
	struct itimerspec each = { .it_interval.tv_nsec = TICK_NS, .it_value.tv_nsec = TICK_NS };

	n->tick = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	return n->tick < 0 || timerfd_settime(n->tick, 0, &each, NULL) ? -errno : 0;
}

int bus_pci_open(const char *at, struct bus **out, char *msg, size_t len)
{
	struct pci_bus *n = mem_new(struct pci_bus);
	int err;

	if (!n)
		return -ENOMEM;
	n->bus.ops = &pci_ops;
	n->fd = n->tick = -1;
	pthread_mutex_init(&n->lock, NULL);
	list_init(&n->mems);
	heap_init(&n->heap);
	err = find_device(n, at, msg, len);
	if (!err) {
		err = map_bars(n);
		if (err)
			snprintf(msg, len, "pci:%s: its BARs cannot be mapped: %s", at, strerror(-err));
	}
	if (!err) {
		err = memory_open(n);
		if (err)
			snprintf(msg, len, "pci: no memory for the GPU: %s (free huge pages of 2 MiB and "
				 "/proc/self/pagemap are needed)", strerror(-err));
	}
	if (!err)
		err = start_clock(n);
	if (err) {
		pci_close(&n->bus);
		return err;
	}
	*out = &n->bus;
	return 0;
}
