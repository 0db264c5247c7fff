/// The plan: buffers and steps as data, the passes that improve them, the verifier that checks them
/// and the explanation of every decision. Knows no file format and no device.
@NullMarked
package dev.tornadomoe.plan;

import org.jspecify.annotations.NullMarked;
