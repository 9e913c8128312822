// The count of LoadOptions::work, for programs that watch an engine: kernels advance it, app knows no kernels.
#pragma once

#include "kernels/api/work_count.h"
