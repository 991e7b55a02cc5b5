// SPDX-License-Identifier: MIT
/*
 * The native bus: the device is in this process and nobody stands between.
 *
 *  1. A struct dev has one caller at a time; `lock` makes the driver's threads
 *     take turns.  irq_wait() does not take it.
 *  2. System memory is anonymous pages, or pages of one sparse memory file
 *     (bus_native_share) at the offset of their bus address; each piece gets
 *     a bus address of its own and is told to the device until it is freed.
 *  3. A BAR gets a trapped range in this process only when somebody asks.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "gpuvm/base/bits.h"
#include "gpuvm/base/clock.h"
#include "gpuvm/base/mem.h"
#include "gpuvm/dev/dev.h"
#include "pv-driver/bus.h"
#include "pv-driver/private.h"
#include "pv-driver/proc_abi.h"
#include "pv-driver/trap.h"

/*
 * Bus addresses we hand out: above what a careless 32-bit cut would reach, inside Fermi's 40 bits.
 */
#define DMA_FIRST 0x100000000ull
#define DMA_LAST 0x8000000000ull

struct native {
	struct bus bus; /* first */
	struct dev *dev; /* borrowed */
	pthread_mutex_t lock;
	struct heap dma;
	struct list mems; /* struct native_mem */
	int fd;		  /* memory file, or -1 */
	struct trap_sink sink;
	struct trap *trap; /* of bar1 */
	uint8_t *bar1;	   /* BAR1 without access rights, or NULL */
};
struct native_mem {
	struct list node;
	struct heap_node *dma;
	void *cpu;
	uint64_t len;
};

static struct native *native(struct bus *b)
{
	return container_of(b, struct native, bus);
}

static uint32_t native_rd32(struct bus *b, uint32_t reg)
{
	struct native *n = native(b);
	uint32_t v;

	pthread_mutex_lock(&n->lock);
	v = dev_rd32(n->dev, reg);
	pthread_mutex_unlock(&n->lock);
	return v;
}

static void native_wr32(struct bus *b, uint32_t reg, uint32_t val)
{
	struct native *n = native(b);

	pthread_mutex_lock(&n->lock);
	dev_wr32(n->dev, reg, val);
	pthread_mutex_unlock(&n->lock);
}

/* The device port has dwords only: the byte goes out in its place, its neighbours as they were. */
static void native_wr8(struct bus *b, uint32_t reg, uint8_t val)
{
	struct native *n = native(b);
	uint32_t at = reg & ~3u, shift = (reg & 3) * 8, v;

	pthread_mutex_lock(&n->lock);
	v = dev_rd32(n->dev, at);
	dev_wr32(n->dev, at, (v & ~(0xffu << shift)) | (uint32_t)val << shift);
	pthread_mutex_unlock(&n->lock);
}

/* The largest naturally aligned access at off that does not pass len. */
static int step_size(uint64_t off, size_t len)
{
	int size = 8;

	while (size > 1 && (!is_aligned(off, (uint64_t)size) || (size_t)size > len))
		size /= 2;
	return size;
}

static void native_bar_rd(struct bus *b, int bar, uint64_t off, void *buf, size_t len)
{
	struct native *n = native(b);
	char *p = buf;
	uint64_t v;
	int size;

	pthread_mutex_lock(&n->lock);
	for (; len; off += (uint64_t)size, p += size, len -= (size_t)size) {
		size = step_size(off, len);
		v = dev_bar_rd(n->dev, bar, off, size);
		memcpy(p, &v, (size_t)size);
	}
	pthread_mutex_unlock(&n->lock);
}

static void native_bar_wr(struct bus *b, int bar, uint64_t off, const void *buf, size_t len)
{
	struct native *n = native(b);
	const char *p = buf;
	uint64_t v;
	int size;

	pthread_mutex_lock(&n->lock);
	for (; len; off += (uint64_t)size, p += size, len -= (size_t)size) {
		size = step_size(off, len);
		v = 0;
		memcpy(&v, p, (size_t)size);
		dev_bar_wr(n->dev, bar, off, size, v);
	}
	pthread_mutex_unlock(&n->lock);
}

static uint64_t native_bar_len(struct bus *b, int bar)
{
	return native(b)->dev->info.bar_len[bar];
}

static void mem_drop(struct native *n, struct native_mem *m)
{
	list_del(&m->node);
	if (m->cpu)
		munmap(m->cpu, m->len);
	if (m->cpu && n->fd >= 0)
		fallocate(n->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			  (off_t)(m->dma->at - DMA_FIRST), (off_t)m->len);
	heap_free(&n->dma, m->dma);
	mem_free(m);
}

/* Pages do not come from mem.h, so its fault hook is asked here. */
static void *pages(const struct native *n, uint64_t at, uint64_t len)
{
	void *p;

	if (mem_fault_hook && mem_fault_hook())
		return NULL;
	if (n->fd >= 0)
		p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, n->fd,
			 (off_t)(at - DMA_FIRST));
	else
		p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return p == MAP_FAILED ? NULL : p;
}

static int mem_build(struct native *n, struct native_mem *m, uint64_t len)
{
	int err = heap_alloc(&n->dma, len, PAGE, false, &m->dma);

	if (err)
		return -ENOMEM;
	m->len = len;
	m->cpu = pages(n, m->dma->at, len);
	return m->cpu ? dev_dma_map(n->dev, dma(m->dma->at), m->cpu, len) : -ENOMEM;
}

static int native_mem_alloc(struct bus *b, uint64_t len, struct bus_mem *out)
{
	struct native *n = native(b);
	struct native_mem *m;
	int err;

	len = align_up(len, PAGE);
	m = mem_new(struct native_mem);
	if (!m)
		return -ENOMEM;
	pthread_mutex_lock(&n->lock);
	list_add_tail(&n->mems, &m->node);
	err = mem_build(n, m, len);
	if (err)
		mem_drop(n, m);
	else
		*out = (struct bus_mem){ m->cpu, m->dma->at, len };
	pthread_mutex_unlock(&n->lock);
	return err;
}

static void native_mem_free(struct bus *b, struct bus_mem *mem)
{
	struct native *n = native(b);
	struct native_mem *m, *tmp;

	pthread_mutex_lock(&n->lock);
	list_for_each_safe(m, tmp, &n->mems, node) {
		if (m->dma->at != mem->addr)
			continue;
		dev_dma_unmap(n->dev, dma(m->dma->at), m->len);
		mem_drop(n, m);
		break;
	}
	pthread_mutex_unlock(&n->lock);
	memset(mem, 0, sizeof(*mem));
}

static int native_irq_fd(struct bus *b)
{
	return dev_irq_fd(native(b)->dev);
}

static int native_irq_wait(struct bus *b, uint64_t ns)
{
	struct pollfd p = { .fd = native_irq_fd(b), .events = POLLIN };
	uint64_t until = clock_ns() + ns, now, count;
	struct timespec t;
	int r;

	do {
		now = clock_ns();
		now = now < until ? until - now : 0;
		t = (struct timespec){ (time_t)(now / 1000000000ull), (long)(now % 1000000000ull) };
		r = ppoll(&p, 1, &t, NULL);
	} while (r < 0 && errno == EINTR);
	if (r == 0)
		return -ETIMEDOUT;
	if (r < 0)
		return -errno;
	/* Another thread may have drained it in between: then it was that thread's. */
	return read(p.fd, &count, sizeof(count)) == sizeof(count) ? 0 : -ETIMEDOUT;
}

static int native_mem_file(struct bus *b, uint64_t addr, uint64_t *off)
{
	*off = addr - DMA_FIRST;
	return native(b)->fd >= 0 ? native(b)->fd : -EOPNOTSUPP;
}

int bus_native_share(struct bus *b)
{
	struct native *n = native(b);
	int fd = memfd_create("gpuvm-memory", MFD_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (ftruncate(fd, (off_t)(DMA_LAST - DMA_FIRST))) {
		close(fd);
		return -EFBIG;
	}
	n->fd = fd;
	return 0;
}

static uint64_t sink_load(struct trap_sink *s, uint32_t space, uint32_t off, uint8_t size)
{
	struct native *n = container_of(s, struct native, sink);
	uint64_t v = 0;

	(void)space;
	native_bar_rd(&n->bus, 1, off, &v, size);
	return v;
}

static void sink_store(struct trap_sink *s, uint32_t space, uint32_t off, uint8_t size,
		       uint64_t val)
{
	struct native *n = container_of(s, struct native, sink);

	(void)space;
	native_bar_wr(&n->bus, 1, off, &val, size);
}

static void *native_bar_cpu(struct bus *b, int bar)
{
	struct native *n = native(b);
	struct trap_range r = { .len = native_bar_len(b, 1), .space = PROC_SPACE_BAR1 };
	void *p;

	if (bar != 1)
		return NULL;
	pthread_mutex_lock(&n->lock);
	if (!n->bar1) {
		p = mmap(NULL, r.len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		r.base = p;
		n->sink = (struct trap_sink){ .load = sink_load, .store = sink_store };
		if (p != MAP_FAILED && !trap_install(&r, 1, &n->sink, &n->trap))
			n->bar1 = p;
		else if (p != MAP_FAILED)
			munmap(p, r.len);
	}
	pthread_mutex_unlock(&n->lock);
	return n->bar1;
}

static void native_close(struct bus *b)
{
	struct native *n = native(b);
	struct native_mem *m, *tmp;

	list_for_each_safe(m, tmp, &n->mems, node) {
		dev_dma_unmap(n->dev, dma(m->dma->at), m->len);
		mem_drop(n, m);
	}
	heap_fini(&n->dma);
	trap_remove(n->trap);
	if (n->bar1)
		munmap(n->bar1, native_bar_len(b, 1));
	if (n->fd >= 0)
		close(n->fd);
	pthread_mutex_destroy(&n->lock);
	mem_free(n);
}

static const struct bus_ops native_ops = {
	.name = "native",
	.close = native_close,
	.rd32 = native_rd32,
	.wr32 = native_wr32,
	.wr8 = native_wr8,
	.bar_rd = native_bar_rd,
	.bar_wr = native_bar_wr,
	.bar_len = native_bar_len,
	.mem_alloc = native_mem_alloc,
	.mem_free = native_mem_free,
	.irq_wait = native_irq_wait,
	.irq_fd = native_irq_fd,
	.mem_file = native_mem_file,
	.bar_cpu = native_bar_cpu,
};

int bus_native_open(struct dev *dev, struct bus **out)
{
	struct native *n;
	int err;

	if (!dev_has(dev, DEV_CAP_DMA_MAP) || !dev_has(dev, DEV_CAP_IRQ_FD))
		return -EOPNOTSUPP;
	n = mem_new(struct native);
	if (!n)
		return -ENOMEM;
	n->bus.ops = &native_ops;
	n->fd = -1;
	n->dev = dev;
	pthread_mutex_init(&n->lock, NULL);
	list_init(&n->mems);
	heap_init(&n->dma);
	err = heap_add(&n->dma, DMA_FIRST, DMA_LAST - DMA_FIRST);
	if (err) {
		native_close(&n->bus);
		return err;
	}
	*out = &n->bus;
	return 0;
}
