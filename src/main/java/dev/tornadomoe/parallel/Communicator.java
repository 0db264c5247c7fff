package dev.tornadomoe.parallel;

/// The ranks of a job, as one of them sees them: 0 to `size() - 1`, each a process with experts and
/// tokens of its own. Messages from one rank to another arrive in the order in which they were
/// sent. For one thread at a time.
///
/// Every wait has an end: a rank that says nothing for too long is named in a [ParallelException].
public interface Communicator extends AutoCloseable {

  /// {@return this process's number, from 0}
  int rank();

  /// {@return how many ranks there are}
  int size();

  /// {@return what carries the messages, for people}
  String description();

  /// Begins to send. The message itself may be used again at once, the memory that it names must
  /// stay as it is until [#awaitSent].
  ///
  /// @param to another rank than this
  /// @param message what it carries, and the memory that it lies in
  /// @throws ParallelException when it can't be sent
  void send(int to, Message message);

  /// Waits until everything that was sent is on its way, so that its memory may be used again.
  ///
  /// @throws ParallelException when that takes too long, or the other rank is gone
  void awaitSent();

  /// Waits for the next message of a rank.
  ///
  /// @param from another rank than this
  /// @return its length in bytes
  /// @throws ParallelException when none comes in time, or the rank is gone
  long awaitMessage(int from);

  /// Receives the message that [#awaitMessage] has found.
  ///
  /// @param from the rank that sent it
  /// @param into memory of exactly its length
  /// @throws ParallelException when it can't be received
  void receive(int from, Message into);

  /// What messages to a rank take of this host's memory beside the memory that they name. The same
  /// for every call with these arguments.
  ///
  /// @param to another rank than this
  /// @param longest length of a message in bytes
  /// @return bytes, once for all messages
  default long carrierBytes(int to, long longest) {
    return 0;
  }

  /// Takes leave of the other ranks.
  @Override
  void close();
}
