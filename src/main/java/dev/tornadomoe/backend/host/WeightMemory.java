package dev.tornadomoe.backend.host;

import dev.tornadomoe.backend.BackendException;
import dev.tornadomoe.tensor.mapped.MappedFile;
import dev.tornadomoe.tensor.mapped.MappedFiles;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;

/// The memory that a session's weights lie in: mapped files, arenas of users, and what was
/// allocated for them. Asked at every call, so nothing here allocates.
public final class WeightMemory {
  private final MemorySegment[] segments;
  private final MemorySegment.Scope[] scopes;
  private final MappedFile[] files;

  /// @param segments of all weights
  public WeightMemory(Collection<MemorySegment> segments) {
    this.segments = segments.toArray(MemorySegment[]::new);
    Set<MemorySegment.Scope> distinct = new LinkedHashSet<>();
    segments.forEach(segment -> distinct.add(segment.scope()));
    Set<MappedFile> mapped = new LinkedHashSet<>();
    for (MemorySegment segment : segments) {
      MappedFile file = MappedFiles.of(segment);
      if (file != null) {
        mapped.add(file);
      }
    }
    this.files = mapped.toArray(MappedFile[]::new);
    this.scopes = distinct.toArray(MemorySegment.Scope[]::new); // an iterator would be an object
  }

  /// This and another.
  public WeightMemory and(WeightMemory other) {
    List<MemorySegment> both = new ArrayList<>(List.of(segments));
    both.addAll(List.of(other.segments));
    return new WeightMemory(both);
  }

  /// Checks that all of it is there still; a checkpoint may have been closed too early, and a file
  /// cut short.
  ///
  /// @throws BackendException if it is not
  public void requireAlive() {
    for (MemorySegment.Scope scope : scopes) {
      if (!scope.isAlive()) {
        throw new BackendException(
            "the weights' memory is gone: the checkpoint was closed before the session");
      }
    }
    for (MappedFile file : files) {
      if (!file.isWhole()) {
        throw new BackendException(
            String.format(
                Locale.ROOT,
                "%s: the file has been cut short while its weights are in use",
                file.path()));
      }
    }
  }

  /// What to say when memory could not be read. Others are cut short in the middle of a call, or
  /// their disk fails; the JVM makes an error of most such faults.
  ///
  /// @throws InternalError when it is about something else
  static BackendException fault(InternalError error) {
    if (!String.valueOf(error.getMessage()).contains("unsafe memory access")) {
      throw error;
    }
    return new BackendException(
        "the weights' memory can't be read: a file has been cut short while it is in use, or its"
            + " disk fails",
        error);
  }

  /// Whether writing this memory would change a weight.
  boolean overlaps(MemorySegment output) {
    if (!isNear(output.scope())) {
      return false;
    }
    for (MemorySegment segment : segments) {
      if (Overlap.exists(segment, output)) {
        return true;
      }
    }
    return false;
  }

  /// Weights are many, the arenas they lie in few.
  private boolean isNear(MemorySegment.Scope scope) {
    for (MemorySegment.Scope of : scopes) {
      if (of.equals(scope)) {
        return true;
      }
    }
    return false;
  }
}
