/* SPDX-License-Identifier: Apache-2.0 */
/*
 * render.h - from a parsed page to text.
 */
#ifndef PLUGINS_TOOL_WEB_RENDER_H
#define PLUGINS_TOOL_WEB_RENDER_H

#include <gumbo.h>

#include "web.h"

/* As html_render(), over a document node. Calls nothing of the parser's
 * that allocates. */
int render(const struct html *h, const GumboNode *doc);

#endif
