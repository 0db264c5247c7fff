package dev.tornadomoe.backend.host;

import dev.tornadomoe.backend.MoeCall;
import org.jspecify.annotations.Nullable;

/// The part of a call that an [Execution] runs at once: no more tokens than the plan's workspace
/// has room for. A session has one of them and sets it anew for each part, so that a call allocates
/// nothing.
public final class Chunk {
  private final Interruption interruption;
  private @Nullable MoeCall call;
  private int firstLayer;
  private int lastLayer;
  private int firstToken;
  private int tokens;
  private boolean counts = true;
  private long tasks;
  private long copies;

  Chunk(Interruption interruption) {
    this.interruption = interruption;
  }

  /// The call, which has been checked.
  public MoeCall call() {
    MoeCall current = call;
    if (current == null) {
      throw new IllegalStateException("no call is under way");
    }
    return current;
  }

  /// The first layer to run, by its index in the plan.
  public int firstLayer() {
    return firstLayer;
  }

  /// The last one: the same as the first, or the plan's last where a call is a whole step.
  public int lastLayer() {
    return lastLayer;
  }

  /// The first of the call's tokens that it is about.
  public int firstToken() {
    return firstToken;
  }

  /// How many there are; none where the call has none.
  public int tokens() {
    return tokens;
  }

  /// Asked before each task that takes long.
  ///
  /// @throws dev.tornadomoe.backend.CallInterruptedException when the call ends here
  public void checkInterrupt() {
    interruption.check();
  }

  /// Counts tasks that have been carried out.
  ///
  /// @param outputCopies how many of them copied into the caller's output
  public void count(int done, int outputCopies) {
    if (counts) {
      tasks += done;
      copies += outputCopies;
    }
  }

  /// What is carried out from here on is nobody's call.
  void pauseCounting() {
    counts = false;
  }

  void resumeCounting() {
    counts = true;
  }

  void set(MoeCall newCall, int first, int last) {
    call = newCall;
    firstLayer = first;
    lastLayer = last;
  }

  void setTokens(int first, int count) {
    firstToken = first;
    tokens = count;
  }

  /// Lets go of the call, or the caller's memory would live as long as the session.
  void forget() {
    call = null;
  }

  long tasks() {
    return tasks;
  }

  long copies() {
    return copies;
  }
}
