// SPDX-License-Identifier: MIT
/* The intrusive list: order, removal in a walk, and a second removal that does nothing. */
#include "tests/t.h"

#include "gpuvm/base/list.h"

struct item {
	int v;
	struct list node;
};

static void expect(struct list *head, const int *want, int nr)
{
	struct item *it;
	int n = 0;

	list_for_each(it, head, node) {
		assert_true(n < nr);
		assert_int_equal(it->v, want[n++]);
		assert_ptr_equal(it->node.next->prev, &it->node);
	}
	assert_int_equal(n, nr);
}

static void order(void **state)
{
	struct item a = { .v = 1 }, b = { .v = 2 }, c = { .v = 3 };
	struct list head;

	(void)state;
	list_init(&head);
	assert_true(list_empty(&head));
	assert_null(list_first(&head, struct item, node));
	expect(&head, NULL, 0);
	list_add_tail(&head, &a.node);
	list_add_tail(&head, &b.node);
	list_add(&head, &c.node);
	expect(&head, (int[]){ 3, 1, 2 }, 3);
	assert_ptr_equal(list_first(&head, struct item, node), &c);
	list_del(&a.node);
	expect(&head, (int[]){ 3, 2 }, 2);
	assert_true(list_empty(&a.node));
	list_del(&a.node);
	expect(&head, (int[]){ 3, 2 }, 2);
	list_add_between(&a.node, &c.node, &b.node);
	expect(&head, (int[]){ 3, 1, 2 }, 3);
	list_del(&c.node);
	list_del(&b.node);
	list_del(&a.node);
	assert_true(list_empty(&head));
}

static void removal_in_a_walk(void **state)
{
	struct item it[6], *p, *tmp;
	struct list head;

	(void)state;
	list_init(&head);
	for (int i = 0; i < 6; i++) {
		it[i].v = i;
		list_add_tail(&head, &it[i].node);
	}
	list_for_each_safe(p, tmp, &head, node)
		if (p->v % 2 == 0)
			list_del(&p->node);
	expect(&head, (int[]){ 1, 3, 5 }, 3);
	list_for_each_safe(p, tmp, &head, node)
		list_del(&p->node);
	assert_true(list_empty(&head));
	list_for_each_safe(p, tmp, &head, node)
		fail_msg("an empty list has nobody");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(order),
		cmocka_unit_test(removal_in_a_walk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
