// SPDX-License-Identifier: MIT
/* Messages to the service that no program of ours sends. */
#include "tests/unit/drv/serve.h"

static int say(int fd, const void *msg, size_t len, struct wire_rep *rep)
{
	struct iovec in[2] = { { rep, sizeof(*rep) }, { (char[4096]){ 0 }, 4096 } };

	if (send(fd, msg, len, MSG_NOSIGNAL) != (ssize_t)len)
		return -EPIPE;
	return wire_recv(fd, in, 2, NULL) >= (ssize_t)sizeof(*rep) ? rep->err : -EPIPE;
}

/* Opens a node there; its number. */
static uint64_t node_at(int fd, int *node)
{
	struct wire_req q = { .op = WIRE_OPEN };
	struct wire_rep rep;
	struct iovec in = { &rep, sizeof(rep) };

	assert_int_equal(send(fd, &q, sizeof(q), 0), sizeof(q));
	assert_int_equal(wire_recv(fd, &in, 1, node), sizeof(rep));
	assert_true(!rep.err && *node >= 0);
	return rep.a;
}

static int joined(struct world *w, struct wire_token *token)
{
	struct wire_req join = { .op = WIRE_JOIN, .token = *token };
	int fd = wire_connect(w->name);

	assert_true(fd >= 0);
	assert_int_equal(send(fd, &join, sizeof(join), 0), sizeof(join));
	return fd;
}

static void hello(struct world *w, int *fd, struct wire_token *token)
{
	struct wire_req q = { .op = WIRE_HELLO };
	struct wire_rep rep;
	struct iovec in[2] = { { &rep, sizeof(rep) }, { token, sizeof(*token) } };

	*fd = wire_connect(w->name);
	assert_int_equal(send(*fd, &q, sizeof(q), 0), sizeof(q));
	assert_int_equal(wire_recv(*fd, in, 2, NULL), sizeof(rep) + sizeof(*token));
	assert_int_equal(rep.err, 0);
}

static void bad_messages(void **state)
{
	struct {
		struct wire_req q;
		struct drm_nouveau_gem_pushbuf p;
		uint8_t more[64];
	} m = { .q = { .op = WIRE_OPEN } };
	struct wire_token token, wrong = { { 1 } };
	struct wire_rep rep;
	struct world w;
	uint64_t node;
	int fd, first, held;

	(void)state;
	world_up(&w);
	/* Who does not know the token is nobody. */
	fd = joined(&w, &wrong);
	assert_int_equal(say(fd, &m.q, sizeof(m.q), &rep), -EPIPE);
	close(fd);
	hello(&w, &first, &token);
	fd = joined(&w, &token);
	node = node_at(fd, &held);
	m.q = (struct wire_req){ .op = WIRE_IOCTL, .id = node, .a = DRM_IOCTL_VERSION,
				 .len = sizeof(m) - sizeof(m.q) };
	memset(m.more, 0x5a, sizeof(m.more));
	assert_int_equal(say(fd, &m, sizeof(m), &rep), -EINVAL);
	/* The arrays are not all there, or more than there should be. */
	m.q.a = CHANNEL_ALLOC;
	assert_int_equal(say(fd, &m, sizeof(m), &rep), 0);
	m.q.a = GEM_PUSHBUF;
	for (uint32_t n = 1; n < 40; n++) {
		m.p = (struct drm_nouveau_gem_pushbuf){ .nr_push = n, .nr_buffers = n / 2,
							.buffers = 64, .push = 64 };
		assert_int_equal(say(fd, &m, sizeof(m), &rep), -EINVAL);
	}
	m.q = (struct wire_req){ .op = WIRE_IOCTL, .id = node, .a = GETPARAM };
	assert_int_equal(say(fd, &m.q, sizeof(m.q), &rep), -EINVAL);
	m.q = (struct wire_req){ .op = WIRE_RD, .id = node, .b = 8 };
	assert_int_equal(say(fd, &m.q, sizeof(m.q), &rep), -EINVAL);
	m.q = (struct wire_req){ .op = WIRE_UNMAP, .id = node };
	assert_int_equal(say(fd, &m.q, sizeof(m.q), &rep), -EINVAL);
	m.q.op = WIRE_KNOW;
	assert_int_equal(say(fd, &m.q, sizeof(m.q), &rep), -EBADF);
	m.q.op = 99;
	assert_int_equal(say(fd, &m.q, sizeof(m.q), &rep), -EPROTO);
	/* A length that is not the message's ends the connection, and nothing else. */
	m.q = (struct wire_req){ .op = WIRE_OPEN, .len = 1 };
	assert_int_equal(say(fd, &m.q, sizeof(m.q), &rep), -EPIPE);
	close(fd);
	fd = joined(&w, &token);
	m.q.len = 0;
	assert_int_equal(say(fd, &m.q, sizeof(m.q), &rep), 0);
	close(held);
	close(fd);
	close(first);
	until(&w, no_client, 1);
	world_down(&w);
}

static void garbage(void **state)
{
	struct {
		struct wire_req q;
		uint64_t rest[64];
	} m;
	struct wire_token token;
	struct wire_rep rep;
	struct world w;
	uint64_t seed = 0x9e3779b97f4a7c15ull;
	uint64_t node;
	struct prog a;
	int fd, first, held;

	(void)state;
	world_up(&w);
	prog_up(&w, &a);
	hello(&w, &first, &token);
	fd = joined(&w, &token);
	node = node_at(fd, &held);
	for (int i = 0; i < 3000; i++) {
		fill(&m, sizeof(m), rnd(&seed));
		m.q.op = 3 + (uint32_t)(rnd(&seed) % 9);
		m.q.len = (uint32_t)(rnd(&seed) % sizeof(m.rest));
		m.q.id = rnd(&seed) % 3 ? node : rnd(&seed) % 40;
		if (m.q.op == WIRE_IOCTL)
			m.q.a = _IOC(3u, 'd', rnd(&seed) % 0x60, rnd(&seed) % 256);
		if (say(fd, &m, sizeof(m.q) + m.q.len, &rep) != -EPIPE)
			continue;
		close(fd);
		fd = joined(&w, &token);
	}
	close(held);
	close(fd);
	close(first);
	until(&w, no_client, 2);
	assert_int_equal(p_new(&a, 4096, GART, &(struct drm_nouveau_gem_info){ 0 }), 0);
	prog_down(&a);
	world_down(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bad_messages),
		cmocka_unit_test(garbage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
