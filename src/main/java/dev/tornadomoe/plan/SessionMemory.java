package dev.tornadomoe.plan;

import java.util.LinkedHashMap;
import java.util.Map;

/// What a session takes in memory, told by a backend from the plan alone, before anything is
/// loaded.
///
/// @param weights what is allocated for them; those that lie in a mapped file as they are used take
///   none
/// @param workspace the plan's buffers
/// @param scratch of the threads that compute
/// @param rows copies of the caller's rows
/// @param shared of all these, what forks use too: they take the rest anew
/// @param loadingBytes what the host needs beside until the weights are where they are used
public record SessionMemory(
    Bytes weights, Bytes workspace, Bytes scratch, Bytes rows, Bytes shared, long loadingBytes) {

  /// Bytes of two kinds of memory.
  ///
  /// @param host of the host's
  /// @param device of the device's own
  public record Bytes(long host, long device) {
    public static final Bytes NONE = new Bytes(0, 0);

    /// {@return an amount of the host's memory alone}
    ///
    /// @param bytes 0 or more
    public static Bytes ofHost(long bytes) {
      return new Bytes(bytes, 0);
    }

    /// {@return an amount of the device's memory alone}
    ///
    /// @param bytes 0 or more
    public static Bytes ofDevice(long bytes) {
      return new Bytes(0, bytes);
    }

    /// {@return both together}
    ///
    /// @param other what is added
    /// @throws ArithmeticException for more than a `long` holds
    public Bytes plus(Bytes other) {
      return new Bytes(Math.addExact(host, other.host), Math.addExact(device, other.device));
    }

    /// {@return what is beyond another amount, at least 0 on host and device each}
    ///
    /// @param other what is taken off
    public Bytes beyond(Bytes other) {
      return new Bytes(Math.max(0, host - other.host), Math.max(0, device - other.device));
    }
  }

  /// {@return what a session takes beside its weights, which does not grow with the number of
  /// layers}
  public Bytes besideWeights() {
    return workspace.plus(scratch).plus(rows);
  }

  /// {@return what the first session takes}
  public Bytes total() {
    return weights.plus(besideWeights());
  }

  /// {@return what a session takes that is forked from one that has [#shared] already}
  public Bytes ofFork() {
    return total().beyond(shared);
  }

  /// {@return both together, as where a session stands on another}
  ///
  /// @param other what is added
  public SessionMemory plus(SessionMemory other) {
    return new SessionMemory(
        weights.plus(other.weights),
        workspace.plus(other.workspace),
        scratch.plus(other.scratch),
        rows.plus(other.rows),
        shared.plus(other.shared),
        Math.addExact(loadingBytes, other.loadingBytes));
  }

  /// {@return the parts by name, in the order in which they are told: for tables and JSON}
  public Map<String, Bytes> parts() {
    Map<String, Bytes> parts = new LinkedHashMap<>();
    parts.put("weights", weights);
    parts.put("workspace", workspace);
    parts.put("scratch", scratch);
    parts.put("rows", rows);
    parts.put("total", total());
    parts.put("fork", ofFork());
    return parts;
  }
}
