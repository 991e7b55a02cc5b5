// SPDX-License-Identifier: MIT
/*
 * The process's GPU and its open nodes.
 *
 *  1. The table is guarded by its own lock, which is held for look-ups only,
 *     never while the driver works: the driver calls functions we wrap.
 *  2. A client goes when no descriptor of the process has its inode any more
 *     and no call is inside it.
 *  3. A program that polls memory for the end of work that died is ended: nothing
 *     else could tell it.
 *  4. The GPU stays up once started; at exit a guest's channels are stopped, so
 *     that the guest's next program finds nobody running.
 */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "gpuvm/base/log.h"
#include "pv-driver/drm/card.h"
#include "pv-driver/drm/nvdrm.h"
#include "pv-driver/drm/preload/preload.h"
#include "pv-driver/drm/remote.h"
#include "pv-driver/proc_client.h"

#define MAX_NODES 256

struct node {
	struct node_id id;
	struct nvdrm_client *client; /* owned; NULL: of the process we were forked from */
	uint32_t busy;		     /* calls inside it */
	bool used, closed;
};

/*
 * A library whose functions are called by name has nowhere to hang its state:
 * this is what it starts from.  start_lock is held while the GPU is brought up.
 */
static struct {
	pthread_mutex_t lock, start_lock;
	struct drm_card *card;
	pid_t pid;   /* whose card it is */
	bool failed; /* said so already */
	uint32_t nr; /* used nodes */
	struct node node[MAX_NODES];
} table = { .lock = PTHREAD_MUTEX_INITIALIZER, .start_lock = PTHREAD_MUTEX_INITIALIZER };

void *real_sym(void **slot, const char *name)
{
	void *p = __atomic_load_n(slot, __ATOMIC_RELAXED);

	if (!p) {
		p = dlsym(RTLD_NEXT, name);
		__atomic_store_n(slot, p, __ATOMIC_RELAXED);
	}
	return p;
}

/* The descriptor's own identity: not what our fstat makes of it. */
static int raw_id(int fd, struct node_id *id)
{
	struct stat st;

	if (syscall(SYS_fstat, fd, &st))
		return -1;
	*id = (struct node_id){ st.st_dev, st.st_ino };
	return 0;
}

/* ---- the GPU ----------------------------------------------------------------------- */

/*
 * What it has written so far is not lost, unless another thread is writing; more of it cannot be
 * saved, for its threads stand in the middle of anything.
 */
void node_lost(const char *why)
{
	const struct log log = { stderr, LOG_WARN, "gpuvm" };

	log_error(&log, "the program ends, for its work on the GPU is lost: %s", why);
	if (!ftrylockfile(stdout))
		fflush_unlocked(stdout);
	_exit(PROC_EXIT_DEAD);
}

static void card_lost(void *arg, struct drv_chan *chan, const char *why)
{
	struct nvdrm *d = node_drm();

	(void)arg;
	(void)chan;
	if (!d || !__atomic_load_n(&d->ending, __ATOMIC_ACQUIRE))
		node_lost(why);
}

static int card_start(struct drm_card **out)
{
	const struct log log = { stderr, LOG_WARN, "gpuvm" };
	char msg[256];
	const struct drm_card_cfg cfg = { .lost = card_lost };
	int err = drm_card_new(&cfg, out, msg, sizeof(msg));

	if (!err)
		return 0;
	if (!table.failed)
		log_error(&log, "no GPU: %s", msg);
	table.failed = true;
	return err;
}

static int card_get(struct drm_card **out)
{
	int err = 0;

	pthread_mutex_lock(&table.start_lock);
	if (!table.card) {
		struct drm_card *c = NULL;

		table.pid = getpid();
		err = card_start(&c);
		__atomic_store_n(&table.card, c, __ATOMIC_RELEASE);
	}
	*out = table.card;
	pthread_mutex_unlock(&table.start_lock);
	return err;
}

struct nvdrm *node_drm(void)
{
	struct drm_card *c = __atomic_load_n(&table.card, __ATOMIC_ACQUIRE);

	return c ? c->drm : NULL;
}

/* ---- the table --------------------------------------------------------------------- */

static struct node *find(const struct node_id *id)
{
	for (uint32_t i = 0; i < MAX_NODES; i++) {
		struct node *n = &table.node[i];

		if (n->used && n->id.dev == id->dev && n->id.ino == id->ino)
			return n;
	}
	return NULL;
}

/*
 * A child of vfork runs on our memory with descriptors of its own, and one of
 * a bare clone has no fork handlers: what they do is not for our tables.
 */
static bool own_process(void)
{
	return getpid() == table.pid;
}

static bool any(void)
{
	return __atomic_load_n(&table.nr, __ATOMIC_ACQUIRE);
}

struct nvdrm_client *node_get(int fd, bool *stale)
{
	struct nvdrm_client *c = NULL;
	struct node_id id;
	struct node *n;

	*stale = false;
	if (!any() || raw_id(fd, &id))
		return NULL;
	pthread_mutex_lock(&table.lock);
	n = find(&id);
	if (n && n->client && own_process()) {
		n->busy++;
		c = n->client;
	}
	*stale = n && !c;
	pthread_mutex_unlock(&table.lock);
	return c;
}

/* Takes the client out of a node nobody can reach any more; NULL if it must stay. */
static struct nvdrm_client *take(struct node *n)
{
	struct nvdrm_client *c = n->client;

	if (!n->closed || n->busy)
		return NULL;
	n->used = false;
	n->client = NULL;
	__atomic_sub_fetch(&table.nr, 1, __ATOMIC_RELEASE);
	return c;
}

void node_put(struct nvdrm_client *c)
{
	struct nvdrm_client *gone = NULL;

	pthread_mutex_lock(&table.lock);
	for (uint32_t i = 0; i < MAX_NODES; i++) {
		struct node *n = &table.node[i];

		if (!n->used || n->client != c)
			continue;
		n->busy--;
		gone = take(n);
		break;
	}
	pthread_mutex_unlock(&table.lock);
	nvdrm_client_free(gone);
}

bool node_started(void)
{
	return node_drm() || shared_started();
}

bool node_is(int fd)
{
	struct remote_file f;
	struct node_id id;
	bool is;

	if (shared_on())
		return shared_file(fd, &f) && f.kind == WIRE_NODE;
	if (!any() || raw_id(fd, &id))
		return false;
	pthread_mutex_lock(&table.lock);
	is = find(&id);
	pthread_mutex_unlock(&table.lock);
	return is;
}

struct nvdrm_bo *node_export(int fd)
{
	struct nvdrm *d = node_drm();
	struct node_id id;

	if (!d || raw_id(fd, &id) || !nvdrm_export_is(d, id.dev, id.ino))
		return NULL;
	return nvdrm_export_find(d, id.dev, id.ino);
}

void node_export_put(struct nvdrm_bo *bo)
{
	struct nvdrm *d = bo->drm;

	pthread_mutex_lock(&d->lock);
	nvdrm_bo_put(bo);
	pthread_mutex_unlock(&d->lock);
}

/* ---- closing ------------------------------------------------------------------------- */

/* Whether any descriptor of the process still is this file. */
static bool still_open(const struct node_id *id)
{
	DIR *dir = opendir("/proc/self/fd");
	const struct dirent *e;
	struct node_id other;
	bool found = false;

	if (!dir)
		return true;
	while (!found && (e = readdir(dir)))
		found = e->d_name[0] != '.' && !raw_id(atoi(e->d_name), &other) &&
			other.dev == id->dev && other.ino == id->ino;
	closedir(dir);
	return found;
}

bool node_closing(int fd, struct node_id *id)
{
	struct node *n;
	bool ours;

	if (!node_drm() || !own_process() || raw_id(fd, id))
		return false;
	pthread_mutex_lock(&table.lock);
	n = find(id);
	ours = n && n->client;
	pthread_mutex_unlock(&table.lock);
	return n ? ours : nvdrm_export_is(node_drm(), id->dev, id->ino);
}

void node_closed(const struct node_id *id)
{
	struct nvdrm_client *gone = NULL;
	struct node *n;

	if (still_open(id))
		return;
	pthread_mutex_lock(&table.lock);
	n = find(id);
	if (n) {
		n->closed = true;
		gone = take(n);
	}
	pthread_mutex_unlock(&table.lock);
	nvdrm_client_free(gone);
	if (!n)
		nvdrm_export_drop(node_drm(), id->dev, id->ino);
}

/* Nodes whose descriptors went without our seeing it (close_range, dup2). */
static void collect(void)
{
	struct node_id ids[MAX_NODES];
	uint32_t n = 0;

	pthread_mutex_lock(&table.lock);
	for (uint32_t i = 0; i < MAX_NODES; i++)
		if (table.node[i].used && table.node[i].client)
			ids[n++] = table.node[i].id;
	pthread_mutex_unlock(&table.lock);
	while (n--)
		node_closed(&ids[n]);
}

/* ---- opening --------------------------------------------------------------------------- */

static int add(int fd, struct nvdrm_client *c)
{
	struct node n = { .client = c, .used = true };
	int err = -EMFILE;

	if (raw_id(fd, &n.id))
		return -EBADF;
	pthread_mutex_lock(&table.lock);
	for (uint32_t i = 0; i < MAX_NODES && err; i++) {
		if (table.node[i].used)
			continue;
		table.node[i] = n;
		__atomic_add_fetch(&table.nr, 1, __ATOMIC_RELEASE);
		err = 0;
	}
	pthread_mutex_unlock(&table.lock);
	return err;
}

int node_open(int flags)
{
	struct nvdrm_client *c;
	struct drm_card *card;
	int fd, err;

	if (shared_on())
		return shared_open(flags);
	err = card_get(&card);
	if (err)
		return err;
	collect();
	err = nvdrm_client_new(card->drm, &c);
	if (err)
		return err;
	fd = memfd_create("renderD128", flags & O_CLOEXEC ? MFD_CLOEXEC : 0);
	err = fd < 0 ? -errno : add(fd, c);
	if (!err)
		return fd;
	nvdrm_client_free(c);
	if (fd >= 0)
		syscall(SYS_close, fd);
	return err;
}

/* ---- fork and exit ------------------------------------------------------------------------ */

static void fork_prepare(void)
{
	pthread_mutex_lock(&table.start_lock);
	pthread_mutex_lock(&table.lock);
}

static void fork_parent(void)
{
	pthread_mutex_unlock(&table.lock);
	pthread_mutex_unlock(&table.start_lock);
}

/* The parent's card is left where it is: its threads do not exist here, its locks may be held. */
static void fork_child(void)
{
	table.card = NULL;
	table.failed = false;
	for (uint32_t i = 0; i < MAX_NODES; i++)
		table.node[i].client = NULL;
	pthread_mutex_unlock(&table.lock);
	pthread_mutex_unlock(&table.start_lock);
}

__attribute__((constructor)) static void node_init(void)
{
	pthread_atfork(fork_prepare, fork_parent, fork_child);
}

/* Other threads may still be inside a client, or hold its locks for ever: then it is left alone. */
__attribute__((destructor)) static void node_fini(void)
{
	struct drm_card *c = __atomic_load_n(&table.card, __ATOMIC_ACQUIRE);

	if (c && !c->dev && own_process())
		nvdrm_quiet(c->drm);
}
