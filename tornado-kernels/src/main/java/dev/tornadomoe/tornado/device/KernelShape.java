package dev.tornadomoe.tornado.device;

import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// Which of the two kinds of kernels a device gets.
public enum KernelShape {
  /// A work-item for each row of outputs, no local memory and no barriers: for CPUs.
  WORK_ITEMS,
  /// A work-group for each few rows of outputs, sums through local memory: for GPUs.
  WORK_GROUPS;

  /// `work-items`, as properties and files say.
  public String text() {
    return name().toLowerCase(Locale.ROOT).replace('_', '-');
  }

  /// The one with this text, or null.
  public static @Nullable KernelShape of(String text) {
    for (KernelShape shape : values()) {
      if (shape.text().equals(text)) {
        return shape;
      }
    }
    return null;
  }
}
