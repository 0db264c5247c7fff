package dev.tornadomoe.backend.host;

import dev.tornadomoe.modular.Operand;
import dev.tornadomoe.plan.BucketPlan;
import dev.tornadomoe.plan.Buffer;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.PlanOptions;
import java.util.Comparator;
import java.util.Map;
import java.util.NavigableMap;
import java.util.TreeMap;
import java.util.stream.Stream;

/// Where a plan's scratch lies in a session whose steps have some of it elsewhere: in the plan's
/// order, closer together.
public final class SessionWorkspace {
  /// A cache line, and the widest vector: slots begin at a multiple of it.
  private static final long ALIGNMENT = 64;

  private final PlanOptions options;
  private final Contents contents;

  /// Runs of bytes that are needed: where they begin in the plan, and where in the session.
  private final NavigableMap<Long, Long> places = new TreeMap<>();

  private long plannedEnd;
  private long bytes;

  /// What lies in the workspace.
  @FunctionalInterface
  public interface Contents {
    /// Whether a scratch operand does.
    ///
    /// @param layerIndex in the plan
    boolean has(int layerIndex, Operand operand);
  }

  private SessionWorkspace(PlanOptions options, Contents contents) {
    this.options = options;
    this.contents = contents;
  }

  /// The places of what is there.
  static SessionWorkspace of(MoePlan plan, Contents contents) {
    SessionWorkspace workspace = new SessionWorkspace(plan.options(), contents);
    plan.buckets().stream()
        .flatMap(workspace::slots)
        .sorted(Comparator.comparingLong(Buffer.Slot::offset))
        .forEach(workspace::place);
    return workspace;
  }

  /// How many bytes that takes.
  public static long bytes(MoePlan plan, Contents contents) {
    return of(plan, contents).bytes();
  }

  private Stream<Buffer.Slot> slots(BucketPlan bucket) {
    return bucket.buffers().stream()
        .filter(buffer -> has(bucket, buffer))
        .flatMap(buffer ->
            buffer.location() instanceof Buffer.Slot slot ? Stream.of(slot) : Stream.empty());
  }

  /// Whether one of the operands that a buffer holds is there.
  boolean has(BucketPlan bucket, Buffer buffer) {
    Map<Operand, Buffer> bindings = bucket.bindings().get(buffer.layer());
    return bindings.entrySet().stream()
        .anyMatch(entry ->
            entry.getValue().id() == buffer.id() && contents.has(buffer.layer(), entry.getKey()));
  }

  /// Slots come by their offsets; what overlaps in the plan does so here.
  private void place(Buffer.Slot slot) {
    if (places.isEmpty() || slot.offset() > plannedEnd) {
      places.put(slot.offset(), bytes);
      plannedEnd = slot.offset();
    }
    long guarded = slot.end() + (options.sanitize() ? PlanOptions.GUARD_BYTES : 0);
    long end = Math.ceilDiv(guarded, ALIGNMENT) * ALIGNMENT;
    if (end > plannedEnd) {
      bytes += end - plannedEnd;
      plannedEnd = end;
    }
  }

  /// Where a slot begins.
  ///
  /// @param planned its offset in the plan's workspace
  long offset(long planned) {
    Map.Entry<Long, Long> run = places.floorEntry(planned);
    if (run == null) {
      throw new IllegalStateException("nothing lies at " + planned);
    }
    return run.getValue() + planned - run.getKey();
  }

  long bytes() {
    return bytes;
  }
}
