/// Plans as TornadoVM task graphs. Knows TornadoVM's API alone, no driver of it: OpenCL, Level Zero
/// and CUDA devices look the same from here.
@NullMarked
package dev.tornadomoe.tornado;

import org.jspecify.annotations.NullMarked;
