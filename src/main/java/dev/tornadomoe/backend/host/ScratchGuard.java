package dev.tornadomoe.backend.host;

import dev.tornadomoe.backend.SanitizeException;
import dev.tornadomoe.modular.Access;
import dev.tornadomoe.plan.Buffer;
import dev.tornadomoe.plan.PlanOptions;
import dev.tornadomoe.plan.Step;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/// Watches scratch memory during a sanitised run: each buffer is poisoned when its life begins and
/// again when it ends, so that a step that reads too early or too late gets NaNs; behind it stands
/// a guard that nobody may write.
final class ScratchGuard {
  private final Map<CompiledBucket, Lives> lives = new HashMap<>();

  /// The first and last step of each scratch buffer, found from the steps and not from the
  /// planner's own liveness.
  private record Lives(Map<Buffer, Integer> first, Map<Buffer, Integer> last) {

    static Lives of(CompiledBucket bucket) {
      Lives lives = new Lives(new HashMap<>(), new HashMap<>());
      for (Step step : bucket.plan().steps()) {
        for (Buffer buffer : scratchOf(bucket, step)) {
          lives.first.putIfAbsent(buffer, step.index());
          lives.last.put(buffer, step.index());
        }
      }
      return lives;
    }
  }

  void beforeStep(CompiledBucket bucket, Step step) {
    Map<Buffer, Integer> first = lives.computeIfAbsent(bucket, Lives::of).first();
    for (Buffer buffer : scratchOf(bucket, step)) {
      if (first.getOrDefault(buffer, -1) == step.index()) {
        poison(bucket.ref(buffer));
      }
    }
  }

  void afterStep(CompiledBucket bucket, Step step) {
    Map<Buffer, Integer> last = lives.computeIfAbsent(bucket, Lives::of).last();
    for (Buffer buffer : scratchOf(bucket, step)) {
      BufferRef ref = bucket.ref(buffer);
      long guard = ref.offset() + buffer.bytes();
      long written = Poison.firstClean(ref.segment(), guard, guard + PlanOptions.GUARD_BYTES);
      if (written >= 0) {
        throw new SanitizeException(
            String.format(
                Locale.ROOT,
                "sanitize: step %s wrote %d bytes behind the end of %s",
                step,
                written - guard,
                buffer));
      }
      if (last.getOrDefault(buffer, -1) == step.index()) {
        poison(ref);
      }
    }
  }

  private static void poison(BufferRef ref) {
    long end = ref.offset() + ref.buffer().bytes() + PlanOptions.GUARD_BYTES;
    Poison.fill(ref.segment(), ref.offset(), end);
  }

  private static Set<Buffer> scratchOf(CompiledBucket bucket, Step step) {
    Set<Buffer> scratch = new LinkedHashSet<>();
    for (Access access : step.operation().accesses()) {
      Buffer buffer = bucket.plan().buffer(step.layer(), access.operand());
      if (!buffer.isCallers()) {
        scratch.add(buffer);
      }
    }
    return scratch;
  }
}
