package dev.tornadomoe.plan;

import java.util.List;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/// Whether `fused_out` of a layer is the caller's output, and why.
///
/// @param aliased whether it is
/// @param reasons why: for an alias what it rests on, for a refusal every reason against it, the
///   first of them first in importance
public record AliasDecision(boolean aliased, List<Reason> reasons) {

  /// One reason.
  ///
  /// @param code which
  /// @param detail what was found, or null when the code says it all
  /// @param hazard for a hazard, the three parties
  public record Reason(ReasonCode code, @Nullable String detail, @Nullable Hazard hazard) {

    static Reason of(ReasonCode code) {
      return new Reason(code, null, null);
    }

    static Reason of(ReasonCode code, String detail) {
      return new Reason(code, detail, null);
    }

    static Reason of(ReasonCode code, Hazard hazard) {
      return new Reason(code, null, hazard);
    }

    /// The code and what it means here, in plain words.
    @Override
    public String toString() {
      String what = hazard != null ? hazard.toString() : detail;
      return code + ": " + code.meaning() + (what == null ? "" : " (" + what + ")");
    }
  }

  /// A decision has at least one reason.
  public AliasDecision {
    reasons = List.copyOf(reasons);
    if (reasons.isEmpty()) {
      throw new IllegalArgumentException("a decision needs a reason");
    }
  }

  static AliasDecision aliased(List<Reason> reasons) {
    return new AliasDecision(true, reasons);
  }

  static AliasDecision refused(List<Reason> reasons) {
    return new AliasDecision(false, reasons);
  }

  /// {@return the code that counts}
  public ReasonCode reason() {
    return reasons.getFirst().code();
  }

  /// {@return all reasons in plain words}
  public String explanation() {
    return reasons.stream().map(Reason::toString).collect(Collectors.joining("; "));
  }
}
