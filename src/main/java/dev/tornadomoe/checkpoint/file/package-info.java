/// Files that are read and written whole or not at all, JSON that must be sound, and the tensors
/// that files hold, whatever their format.
@NullMarked
package dev.tornadomoe.checkpoint.file;

import org.jspecify.annotations.NullMarked;
