/// What a checkpoint's files hold: tensors as they are stored, stacks of experts, and what is said
/// of files that are wrong.
@NullMarked
package dev.tornadomoe.checkpoint.file;

import org.jspecify.annotations.NullMarked;
