package dev.tornadomoe.modular;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT_UNALIGNED;

import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.Shape;
import java.util.ArrayList;
import java.util.List;

/// The local prepare/finalize with one thing changed.
///
/// @param isLocal whether it says that it is local
/// @param resolving what it makes of a delegated reduction
/// @param audit when finalize reads the hidden states, besides its work
public record StubEnds(
    String name,
    ActivationFormat format,
    boolean isLocal,
    TopKWeightAndReduce resolving,
    Audit audit)
    implements PrepareAndFinalize {
  /// What the audit leaves `[M, 1]`.
  public static final Operand AUDITED = new Operand("audited");

  /// When finalize reads the hidden states.
  public enum Audit {
    NEVER,
    FIRST,
    LAST
  }

  public static StubEnds standard() {
    return new StubEnds(
        "stub ends",
        ActivationFormat.STANDARD,
        true,
        new TopKWeightAndReduce.Contiguous(),
        Audit.NEVER);
  }

  public StubEnds nonLocal() {
    return new StubEnds("all to all", format, false, resolving, audit);
  }

  public StubEnds batched() {
    return new StubEnds(name, ActivationFormat.BATCHED, isLocal, resolving, audit);
  }

  public StubEnds resolving(TopKWeightAndReduce reduce) {
    return new StubEnds(name, format, isLocal, reduce, audit);
  }

  public StubEnds auditing(Audit when) {
    return new StubEnds("auditing " + when, format, isLocal, resolving, when);
  }

  @Override
  public TopKWeightAndReduce resolve(TopKWeightAndReduce declared) {
    return declared instanceof TopKWeightAndReduce.Delegate ? resolving : declared;
  }

  @Override
  public List<Workspace> workspaces(Problem problem) {
    return List.of(new Workspace(AUDITED, DType.F32, Shape.of(problem.tokens(), 1)));
  }

  @Override
  public List<Operation> finish(TopKWeightAndReduce reduce, boolean weighted, Operand target) {
    List<Operation> operations =
        new ArrayList<>(PrepareAndFinalize.super.finish(reduce, weighted, target));
    if (audit != Audit.NEVER) {
      operations.add(audit == Audit.FIRST ? 0 : operations.size(), auditOperation());
    }
    return operations;
  }

  private static Operation auditOperation() {
    return new CustomOperation(
        "audit",
        List.of(Access.read(Operand.HIDDEN), Access.overwrite(AUDITED)),
        (memory, tokens) -> {
          for (int t = 0; t < tokens; t++) {
            memory
                .of(AUDITED)
                .setAtIndex(JAVA_FLOAT_UNALIGNED, t, memory.of(Operand.HIDDEN).get(JAVA_BYTE, t));
          }
        });
  }
}
