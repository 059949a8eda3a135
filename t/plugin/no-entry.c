/* SPDX-License-Identifier: Apache-2.0 */
/*
 * no-entry.c - a shared object that is no plugin.
 */
int not_a_plugin(void);

__attribute__((visibility("default"))) int
not_a_plugin(void)
{
	return 0;
}
