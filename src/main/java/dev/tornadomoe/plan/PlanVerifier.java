package dev.tornadomoe.plan;

import dev.tornadomoe.modular.Access;
import dev.tornadomoe.modular.Capability;
import dev.tornadomoe.modular.CustomOperation;
import dev.tornadomoe.modular.Operand;
import dev.tornadomoe.tensor.DType;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// Checks a finished plan without trusting the passes that made it: it walks the steps and keeps,
/// for every buffer, which step last wrote something else over its bytes. Reading a buffer whose
/// value is gone, or was never there, refuses the plan. Knows neither liveness nor aliases, only
/// memory.
final class PlanVerifier {
  private static final String NEVER_WRITTEN = "nothing has written it";

  private final BucketPlan plan;
  private final List<? extends Set<Capability>> capabilities;

  /// For each buffer why its value is not there, or null when it is.
  private final @Nullable String[] gone;

  private PlanVerifier(BucketPlan plan, List<? extends Set<Capability>> capabilities) {
    this.plan = plan;
    this.capabilities = capabilities;
    this.gone = new @Nullable String[plan.buffers().size()];
  }

  /// Checks one bucket.
  ///
  /// @param capabilities what the experts of each layer promise
  /// @throws PlanException when some step would read what is not there any more
  static void verify(BucketPlan plan, List<? extends Set<Capability>> capabilities) {
    new PlanVerifier(plan, capabilities).verify();
  }

  private void verify() {
    checkSlots();
    for (Buffer buffer : plan.buffers()) {
      gone[buffer.id()] = buffer.isCallers() && !isResult(buffer) ? null : NEVER_WRITTEN;
    }
    for (Step step : plan.steps()) {
      for (Access access : step.operation().accesses()) {
        if (access.reads()) {
          requireThere(buffer(step, access.operand()), "step " + step);
        }
        requireType(step, access);
      }
      for (Access access : step.operation().accesses()) {
        if (access.writes()) {
          write(step, access);
        }
      }
    }
    for (Map<Operand, Buffer> bound : plan.bindings()) {
      Buffer output = bound.get(Operand.OUTPUT);
      if (output != null && !output.isCallers()) {
        throw new PlanException(
            String.format(
                Locale.ROOT,
                "plan verifier: %s lies in the workspace, where the next layer would write over it",
                output));
      }
    }
    plan.buffers().stream()
        .filter(this::isResult)
        .forEach(result -> requireThere(result, "the caller"));
  }

  /// Whether the caller brings a buffer to get something in it: the output, and whatever a step
  /// writes under the buffer's own name.
  private boolean isResult(Buffer buffer) {
    return buffer.isCallers()
        && (buffer.operand().equals(Operand.OUTPUT)
            || plan.stepsOf(buffer.layer()).stream()
                .flatMap(step -> step.operation().accesses().stream())
                .anyMatch(access ->
                    access.mode() == Access.Mode.OVERWRITE
                        && access.operand().equals(buffer.operand())));
  }

  private void checkSlots() {
    for (Buffer buffer : plan.buffers()) {
      if (buffer.location() instanceof Buffer.Slot slot
          && (slot.offset() < 0
              || slot.bytes() < buffer.bytes()
              || slot.end() > plan.workspaceBytes())) {
        throw new PlanException(
            String.format(
                Locale.ROOT,
                "plan verifier: %s takes bytes %d to %d of a workspace of %d",
                buffer,
                slot.offset(),
                slot.end(),
                plan.workspaceBytes()));
      }
    }
  }

  private Buffer buffer(Step step, Operand operand) {
    return plan.buffer(step.layer(), operand);
  }

  private void requireThere(Buffer buffer, String reader) {
    String reason = gone[buffer.id()];
    if (reason != null) {
      throw new PlanException(
          String.format(
              Locale.ROOT, "plan verifier: %s is read by %s, but %s", buffer, reader, reason));
    }
  }

  /// Sums and a user's own steps work on F32; what is shorter is written once, rounded.
  private void requireType(Step step, Access access) {
    Buffer buffer = buffer(step, access.operand());
    if (buffer.operand().equals(Operand.OUTPUT)
        && buffer.dtype() != DType.F32
        && (access.reads() || step.operation() instanceof CustomOperation)) {
      throw new PlanException(
          String.format(
              Locale.ROOT,
              "plan verifier: step %s takes %s for rows of F32, but it is %s",
              step,
              buffer,
              buffer.dtype()));
    }
  }

  private void write(Step step, Access write) {
    Buffer target = buffer(step, write.operand());
    for (Access other : step.operation().accesses()) {
      Buffer buffer = buffer(step, other.operand());
      if (!other.operand().equals(write.operand())
          && overlap(target, buffer)
          && !mayShare(step, other, target, buffer)) {
        throw new PlanException(
            String.format(
                Locale.ROOT,
                "plan verifier: step %s writes %s and uses %s in the same bytes",
                step,
                target,
                buffer));
      }
    }
    for (Buffer buffer : plan.buffers()) {
      if (buffer.id() != target.id() && overlap(target, buffer)) {
        gone[buffer.id()] = String.format(Locale.ROOT, "step %s wrote %s over it", step, target);
      }
    }
    gone[target.id()] = null;
  }

  /// Reading each element just before writing it is safe when both lie alike, and so is a step of
  /// the experts that reads all of its input first. Their promise covers no step of prepare or
  /// finalize.
  private boolean mayShare(Step step, Access other, Buffer target, Buffer buffer) {
    boolean readFirst =
        other.mode() == Access.Mode.READ_ELEMENTWISE
            || (step.operation() instanceof CustomOperation
                && step.phase() == Phase.EXPERTS
                && other.mode() == Access.Mode.READ
                && capabilities
                    .get(step.layer())
                    .contains(Capability.INPUT_CONSUMED_BEFORE_OUTPUT));
    return readFirst
        && target.location().equals(buffer.location())
        && target.dtype() == buffer.dtype()
        && target.rowStride() == buffer.rowStride();
  }

  private static boolean overlap(Buffer a, Buffer b) {
    if (a.location() instanceof Buffer.Slot x && b.location() instanceof Buffer.Slot y) {
      return x.offset() < y.end() && y.offset() < x.end();
    }
    return a.location() instanceof Buffer.Caller x
        && b.location() instanceof Buffer.Caller y
        && a.layer() == b.layer()
        && x.region() == y.region();
  }
}
