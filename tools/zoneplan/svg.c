#include "zoneplan.h"
void draw_svg(const struct options *options, const struct run *run, FILE *file)
{
	(void)options;
	(void)run;
	(void)file;
}
