package dev.tornadomoe.plan;

import dev.tornadomoe.modular.Access;
import dev.tornadomoe.modular.CustomOperation;
import dev.tornadomoe.modular.Operand;
import dev.tornadomoe.modular.Operation;
import dev.tornadomoe.modular.ReduceOperation;
import dev.tornadomoe.modular.RowOperation;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;

/// Carries a plan out on names instead of numbers: what an operation writes is a name made of the
/// operation and of the names it reads. Memory is modelled as bytes that hold the name last written
/// there, so a plan that reads too late ends in other outputs than one with every buffer of its
/// own.
final class SymbolicRun {
  private static final String LOST = "lost";

  private final BucketPlan plan;
  private final Map<List<Object>, String> names;
  private final boolean inputConsumed;

  private SymbolicRun(BucketPlan plan, Map<List<Object>, String> names, boolean inputConsumed) {
    this.plan = plan;
    this.names = names;
    this.inputConsumed = inputConsumed;
  }

  /// Whether a plan, in its real memory, gives what another would give if no two operands shared
  /// any.
  ///
  /// @param inputConsumed whether experts promise to have read their input before they write
  static boolean agrees(BucketPlan inMemory, BucketPlan meant, boolean inputConsumed) {
    // Shared by both runs, so that equal values get equal names.
    Map<List<Object>, String> names = new HashMap<>();
    List<String> expected = new SymbolicRun(meant, names, true).outputs(new Unshared());
    return !expected.contains(LOST)
        && new SymbolicRun(inMemory, names, inputConsumed)
            .outputs(new RealMemory(inMemory.workspaceBytes()))
            .equals(expected);
  }

  /// Somewhere to keep names.
  private interface Memory {
    String read(Buffer buffer);

    void write(Buffer buffer, String name);

    /// Whether reading one while the other is written can go wrong.
    default boolean torn(Buffer read, Buffer written) {
      return false;
    }
  }

  /// A place for every operand of every layer.
  private static final class Unshared implements Memory {
    private final Map<Integer, String> names = new HashMap<>();

    @Override
    public String read(Buffer buffer) {
      return names.getOrDefault(buffer.id(), buffer.isCallers() ? given(buffer) : LOST);
    }

    @Override
    public void write(Buffer buffer, String name) {
      names.put(buffer.id(), name);
    }
  }

  /// The caller's regions and the workspace, byte for byte.
  private static final class RealMemory implements Memory {
    private final Map<String, String> regions = new HashMap<>();
    private final String[] workspace;

    RealMemory(long bytes) {
      workspace = new String[Math.toIntExact(bytes)];
      Arrays.fill(workspace, LOST);
    }

    @Override
    public String read(Buffer buffer) {
      if (buffer.location() instanceof Buffer.Slot slot) {
        List<String> there =
            Arrays.asList(workspace).subList((int) slot.offset(), (int) slot.end());
        return new HashSet<>(there).size() == 1 ? there.getFirst() : LOST;
      }
      return regions.getOrDefault(region(buffer), given(buffer));
    }

    @Override
    public void write(Buffer buffer, String name) {
      if (buffer.location() instanceof Buffer.Slot slot) {
        Arrays.fill(workspace, (int) slot.offset(), (int) slot.end(), name);
      } else {
        regions.put(region(buffer), name);
      }
    }

    @Override
    public boolean torn(Buffer read, Buffer written) {
      if (read.location() instanceof Buffer.Slot a && written.location() instanceof Buffer.Slot b) {
        return a.offset() < b.end() && b.offset() < a.end();
      }
      return read.isCallers() && written.isCallers() && region(read).equals(region(written));
    }

    private static String region(Buffer buffer) {
      return buffer.layer() + " " + ((Buffer.Caller) buffer.location()).region();
    }
  }

  /// What the caller's memory holds when a call begins. Hidden states that are their own residual
  /// are one value.
  private static String given(Buffer buffer) {
    if (buffer.operand().equals(Operand.OUTPUT) || buffer.operand().equals(Operand.NORMED)) {
      return LOST;
    }
    return buffer.layer() + " given " + ((Buffer.Caller) buffer.location()).region();
  }

  private List<String> outputs(Memory memory) {
    for (Step step : plan.steps()) {
      run(step, memory);
    }
    List<String> outputs = new ArrayList<>();
    for (Map<Operand, Buffer> bound : plan.bindings()) {
      Buffer output = bound.get(Operand.OUTPUT);
      outputs.add(output == null ? LOST : memory.read(output));
      Buffer normed = bound.get(Operand.NORMED);
      if (normed != null) {
        outputs.add(memory.read(normed));
      }
    }
    return outputs;
  }

  /// A sum with a norm in it is the one after the other.
  private void run(Step step, Memory memory) {
    if (step.operation() instanceof ReduceOperation.ReduceNorm both) {
      run(new Step(step.index(), step.layer(), step.phase(), both.reduce()), memory);
      run(new Step(step.index(), step.layer(), step.phase(), both.norm()), memory);
      return;
    }
    Operation operation = step.operation();
    List<Object> read = new ArrayList<>();
    read.add(step.layer());
    read.add(kind(operation));
    List<String> added = new ArrayList<>();
    for (Access access : operation.accesses()) {
      if (access.reads()) {
        boolean addend =
            operation instanceof ReduceOperation.Finishing finishing
                && finishing.addends().contains(access.operand());
        String name = read(step, access, memory);
        if (addend) {
          added.add(name);
        } else {
          read.add(name);
        }
      }
    }
    int place = 0;
    for (Access access : operation.accesses()) {
      if (access.writes()) {
        memory.write(buffer(step, access), value(operation, place++, read, added));
      }
    }
  }

  private String read(Step step, Access access, Memory memory) {
    Buffer buffer = buffer(step, access);
    boolean consumedFirst = step.phase() == Phase.EXPERTS && inputConsumed;
    boolean torn =
        access.mode() == Access.Mode.READ
            && !consumedFirst
            && step.operation().accesses().stream()
                .filter(Access::writes)
                .anyMatch(write -> memory.torn(buffer, buffer(step, write)));
    return torn ? LOST : memory.read(buffer);
  }

  private Buffer buffer(Step step, Access access) {
    return plan.buffer(step.layer(), access.operand());
  }

  /// A copy hands its value on, and a sum has the same name whether one operation makes it or
  /// several.
  private String value(Operation operation, int place, List<Object> read, List<String> added) {
    if (operation instanceof RowOperation.Copy) {
      return (String) read.getLast();
    }
    if (operation instanceof RowOperation.Add) {
      return name(List.of("sum", read.get(2), read.get(3)));
    }
    List<Object> made = new ArrayList<>(read);
    made.add(place);
    String value = name(made);
    for (String addend : added) {
      value = name(List.of("sum", value, addend));
    }
    return value;
  }

  private String name(List<Object> made) {
    return made.contains(LOST) ? LOST : names.computeIfAbsent(made, unused -> "v" + names.size());
  }

  private static String kind(Operation operation) {
    return operation instanceof CustomOperation custom
        ? custom.name()
        : operation.getClass().getSimpleName();
  }
}
