package dev.tornadomoe.backend.cpu;

import java.util.Locale;
import jdk.incubator.vector.FloatVector;
import org.junit.jupiter.api.extension.ConditionEvaluationResult;
import org.junit.jupiter.api.extension.ExecutionCondition;
import org.junit.jupiter.api.extension.ExtensionContext;

/// Leaves out what would run twice: a width of vectors that was asked for and is the machine's own.
/// The build has JUnit find it where it asks for widths.
public final class RepeatedWidth implements ExecutionCondition {
  @Override
  public ConditionEvaluationResult evaluateExecutionCondition(ExtensionContext context) {
    int own = FloatVector.SPECIES_PREFERRED.vectorBitSize();
    return Integer.getInteger("tornadomoe.cpu.vectorBits", 0) == own
        ? ConditionEvaluationResult.disabled(
            String.format(Locale.ROOT, "vectors of %d bits are the machine's own", own))
        : ConditionEvaluationResult.enabled("another width than the machine's own");
  }
}
