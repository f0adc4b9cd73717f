/* SPDX-License-Identifier: MIT */
/* The findings about the tree: as lines, and as an array for programs. */
#include <string.h>

#include "boot/dtlint.h"
#include "zoneplan.h"

static void print_finding(const struct finding *finding, const void *blob, void *context)
{
	char line[FINDING_LINE_MAX];

	(void)context;
	finding_line(finding, blob, line, sizeof(line));
	printf("%s\n", line);
}

bool print_lint(const struct run *run)
{
	return dtlint_judge(&run->tree, run->blob, print_finding, NULL) != 0;
}

static void print_json_finding(const struct finding *finding, const void *blob, void *context)
{
	bool *first = context;
	char line[FINDING_LINE_MAX];

	finding_line(finding, blob, line, sizeof(line));
	printf("%s\n    ", *first ? "" : ",");
	print_json_text(line, strlen(line));
	*first = false;
}

void print_json_findings(const struct run *run)
{
	bool first = true;

	printf("[");
	dtlint_judge(&run->tree, run->blob, print_json_finding, &first);
	printf("]");
}
