"""A stream's messages on disk: append-only segments, one commit at a time, space given back as messages go.

A commit's records are: messages as they were staged, then one DELETE with the deleted sequences, then BOUNDS when
the floor or the last sequence moved otherwise. See ``segment`` for the form and ``recovery`` for what a crash leaves.
"""

from array import array
from collections.abc import Callable, Sequence

from broker.storage.appending import Appending, Removals, Staged
from broker.storage.decode_run import decode_run
from broker.storage.disk import Disk
from broker.storage.entry_table import EntryTable
from broker.storage.jobs import CommitJob, DropJob, EraseJob, RewriteJob, SidecarJob, Write
from broker.storage.recovery import DamageReport, recover
from broker.storage.segment import (
    BOUNDS,
    DELETE,
    GROUP_END,
    RECORDS_AT,
    Head,
    decode_message,
    encode_record,
    filler,
)  # fmt: skip
from broker.storage.segment_file import MESSAGE_OVERHEAD_BYTES, RECORD_EXTRA_BYTES, Segment
from broker.storage.sidecar import Sidecar
from broker.storage.sidecar import encode as encode_sidecar
from broker.storage.store import DamagedMessage, Job, Message, StoreFailed

SEGMENT_BYTES_MAX = 16 * 1024 * 1024
#: A segment is rewritten when more than this share of it can be given back, and at least this share of a full one.
_REWRITE_SHARE = 0.5
_REWRITE_SHARE_OF_FULL = 1 / 256
#: Sealed segments whose files stay open for reading.
_OPEN_MAX = 8
#: Whoever reads one message after the other reads so much at once.
_AHEAD_BYTES = 128 * 1024


class FileStore(Appending):
    """Implements ``StreamStore``. Opening reads the directory and may take long; it must exist.

    ``random_bytes(n)`` gives the salts. ``reports`` says what was damaged or torn when it was opened.
    """

    def __init__(
        self,
        disk: Disk,
        directory: str,
        random_bytes: Callable[[int], bytes],
        segment_bytes_max: int = SEGMENT_BYTES_MAX,
    ) -> None:
        super().__init__()
        self._disk, self._directory = disk, directory
        self._random_bytes = random_bytes
        self._segment_bytes_max = segment_bytes_max
        found = recover(disk, directory)
        self.index = found.index
        self.reports: list[DamageReport] = found.reports
        self._segments = found.segments
        self._by_table = {id(segment.table): segment for segment in found.segments}
        self._next_id = found.highest_id + 1
        self._epoch = found.epoch_max + 1
        self._in_flight: CommitJob | None = None
        self._sent = Staged()
        #: Commits since the last sync: whether there are any, and what they removed.
        self._unsynced = False
        self._unsynced_removals = Removals()
        self._committed_floor = self._sent_floor = self.index.first_seq()
        #: Deleted messages to overwrite: their deletion not synced yet; synced; followed by a later epoch, so
        #: that a torn overwriting can't be taken for a torn commit.
        self._erasures_unsynced: list[int] = []
        self._erasures_synced: list[int] = []
        self._erasures: list[int] = []
        self._maintaining: Job | None = None
        #: Segments from which something was removed since they were last looked at.
        self._touched: set[int] = {segment.head.segment_id for segment in found.segments}
        self.committed_seq = self.index.last_seq
        self._ticket, self._committed_ticket = 1, 0
        if self._segments:
            self._segments[-1].epoch_at = self._segments[-1].end

    @property
    def ticket(self) -> int:
        return self._ticket

    @property
    def committed_ticket(self) -> int:
        return self._committed_ticket

    # Staging -----------------------------------------------------------------------------------

    def end_group(self) -> None:
        staged = self._staged
        self._control(GROUP_END, staged.grouped, staged.group_first, self.index.last_seq, b"")
        staged.grouped = staged.group_first = 0

    def remove_below(self, floor: int) -> int:
        if self.error:
            raise StoreFailed(self.error)
        index = self.index
        for segment in self._segments:
            if len(segment.table) and segment.table.seqs[0] < floor:
                self._staged.removals.cleared.add(segment.head.segment_id)
        self._staged.bounds = True
        return index.remove_below(floor)

    def _active(self) -> Write:
        """The write of the next commit that takes the next record, at the end of the last segment."""
        if self.error:
            raise StoreFailed(self.error)
        staged, segments = self._staged, self._segments
        if not segments or (segments[-1].end >= self._segment_bytes_max and not staged.grouped):
            self._roll()
        elif not staged.writes:
            staged.writes.append(Write(segments[-1], segments[-1].end))
        self._open = staged.writes[-1]
        return self._open

    def _roll(self) -> None:
        index, staged = self.index, self._staged
        if self._segments:
            old = self._segments[-1]
            if not staged.writes:
                staged.writes.append(Write(old, old.end))
            staged.writes[-1].sealed_bytes = old.end
            staged.removals.seqs.setdefault(old.head.segment_id, [])
        salt = int.from_bytes(self._random_bytes(4), "little")
        head = Head(self._next_id, self._committed_floor, index.last_seq, salt)
        self._next_id += 1
        segment = Segment(self._disk, self._directory, head, index.begin_table(index.last_seq + 1))
        self._segments.append(segment)
        self._by_table[id(segment.table)] = segment
        staged.writes.append(Write(segment, RECORDS_AT, is_new=True))
        self._open = staged.writes[-1]
        staged.bounds = True

    def _control(self, kind: int, seq: int, epoch_at: int, last_seq: int, payload: bytes) -> None:
        write = self._active()
        segment = write.segment
        record = encode_record(
            segment.head.salt, kind, self._epoch, seq, epoch_at, last_seq, 0, b"", b"", payload
        )
        write.data += record
        segment.end += len(record)

    # Committing --------------------------------------------------------------------------------

    @property
    def has_staged(self) -> bool:
        staged = self._staged
        return bool(staged.writes or staged.deletes or staged.bounds)

    def begin_commit(self, sync: bool = True) -> CommitJob | None:
        if self._in_flight is not None or self.error:
            return None
        if not self.has_staged:
            if not (sync and self._unsynced):
                return None
            self._staged.writes.append(Write(self._segments[-1], self._segments[-1].end))
        self._stage_controls()
        staged, self._staged, self._open = self._staged, Staged(), None
        job = CommitJob(
            self._disk, self._directory, staged.writes, sync, self._ticket, self.index.last_seq
        )
        for write in staged.writes:
            if not write.sealed_bytes:
                write.allocate = write.segment.allocation(self._segment_bytes_max)
            write.segment.epoch_max = self._epoch
        if sync:
            self._epoch += 1
            self._segments[-1].epoch_at = self._segments[-1].end
        self._unsynced = not sync
        self._ticket += 1
        self._in_flight, self._sent, self._sent_floor = job, staged, self.index.first_seq()
        return job

    def _stage_controls(self) -> None:
        staged = self._staged
        if staged.deletes:
            segment = self._active().segment
            deletes = array("Q", staged.deletes)
            segment.deletes += deletes
            self._control(DELETE, 0, segment.epoch_at, 0, deletes.tobytes())
        if staged.bounds:
            segment = self._active().segment
            first, last = self.index.first_seq(), self.index.last_seq
            self._control(BOUNDS, first, segment.epoch_at, last, b"")

    def finish_commit(self, job: Job, error: OSError | None = None) -> None:
        assert job is self._in_flight, "one commit at a time"
        sent, self._in_flight, self._sent = self._sent, None, Staged()
        if error is not None:
            self.error = f"{self._directory}: {error.strerror or error}"
            return
        for write in job.writes:
            write.segment.written_end = write.sealed_bytes or write.offset + len(write.data)
        self._erasures_unsynced += sent.erasures
        self._unsynced_removals.merge(sent.removals)
        if job.sync:
            self._touched |= self._unsynced_removals.touched()
            self._unsynced_removals = Removals()
            self._committed_floor = self._sent_floor
            self._advance_erasures()
        self.committed_seq, self._committed_ticket = job.last_seq, job.ticket

    def _advance_erasures(self) -> None:
        self._erasures += self._erasures_synced
        self._erasures_synced, self._erasures_unsynced = self._erasures_unsynced, []
        if self._erasures_synced:
            self._staged.bounds = True

    # Reading -----------------------------------------------------------------------------------

    def read(self, seq: int) -> Message | None:
        found = self.index.find(seq)
        if found is None:
            return None
        table, row = found
        segment = self._by_table[id(table)]
        offset, length = table.offsets[row], table.sizes[row] + RECORD_EXTRA_BYTES
        data = self._read_at(segment, offset, length)
        parts = decode_message(data, 0, segment.head.salt, seq)
        if parts is None:
            raise DamagedMessage(f"{segment.path}: message {seq} at byte {offset} is damaged")
        return Message(seq, *parts)

    def read_run(self, seqs: Sequence[int]) -> list[Message]:
        seqs = list(seqs)
        found: list[Message] = []
        done = -1
        while done < len(found) < len(seqs):
            done = len(found)
            located = self.index.find(seqs[done])
            if located is None:
                break
            table, row = located
            segment, offset = self._by_table[id(table)], table.offsets[row]
            length = table.sizes[row] + RECORD_EXTRA_BYTES
            if done + 1 < len(seqs) and self._is_near(table, offset, seqs[done + 1]):
                length = max(length, _AHEAD_BYTES)
            data = self._read_at(segment, offset, length)
            decode_run(table, data, offset, segment.head.salt, seqs, found)
        return found

    @staticmethod
    def _is_near(table: EntryTable, offset: int, seq: int) -> bool:
        row = table.row_of(seq)
        return row >= 0 and table.offsets[row] - offset < _AHEAD_BYTES

    def _read_at(self, segment: Segment, offset: int, length: int) -> bytes:
        """Also what isn't written yet; ``offset`` is a record's. Fewer bytes where there are no more."""
        if offset >= segment.written_end:
            for write in (*self._staged.writes, *self._sent.writes):
                at = offset - write.offset
                if write.segment is segment and 0 <= at < len(write.data):
                    return bytes(write.data[at : at + length])
        if not segment.is_open:
            self._open_for_reading(segment)
        return segment.file().read_at(length, offset)

    def _open_for_reading(self, segment: Segment) -> None:
        """Keep few files open; those in use by a job are the last ones or the job's own."""
        others = [
            each
            for each in self._segments[:-2]
            if each.is_open and each is not segment and not self._is_busy(each)
        ]
        for each in others[: max(0, len(others) - _OPEN_MAX + 1)]:
            each.close()

    def _is_busy(self, segment: Segment) -> bool:
        job = self._in_flight
        if job is not None and any(write.segment is segment for write in job.writes):
            return True
        return self._maintaining is not None

    def stored_size(self, subject: bytes, header: bytes, payload: bytes) -> int:
        size = MESSAGE_OVERHEAD_BYTES + len(subject) + len(payload)
        return size + 4 + len(header) if header else size

    # Giving space back -------------------------------------------------------------------------

    def begin_maintenance(self) -> Job | None:
        if self._maintaining is not None or self.error:
            return None
        try:
            self._maintaining = self._erase() or self._reclaim()
        except OSError:
            return None  # too many open files: there is a next time
        return self._maintaining

    def _erase(self) -> EraseJob | None:
        writes = []
        for seq in self._erasures:
            found = self.index.find_dead(seq)
            if found is not None:
                table, row = found
                segment = self._by_table[id(table)]
                segment.file()
                length = table.sizes[row] + RECORD_EXTRA_BYTES
                writes.append((segment, table.offsets[row], filler(segment.head.salt, seq, length)))
        self._erasures = []
        return EraseJob(writes) if writes else None

    def _reclaim(self) -> Job | None:
        """Look at the touched segments, oldest first; the last one is left alone until it is followed."""
        if not self._segments or self._segments[-1].written_end == RECORDS_AT:
            return None
        for segment in self._segments[:-1]:
            if segment.head.segment_id in self._touched:
                self._touched.discard(segment.head.segment_id)
                job = self._job_for(segment)
                if job is not None:
                    return job
        self._roll_if_wasted()
        return None

    def _uncommitted(self, segment: Segment) -> list[int] | None:
        """Rows whose removal isn't committed yet; None when all of them were removed in one go."""
        segment_id = segment.head.segment_id
        seqs: list[int] = []
        for each in (self._staged.removals, self._sent.removals, self._unsynced_removals):
            if segment_id in each.cleared:
                return None
            seqs += each.seqs.get(segment_id, [])
        rows = (segment.table.row_of(seq) for seq in seqs)
        return [row for row in rows if row >= 0]

    def _job_for(self, segment: Segment) -> Job | None:
        uncommitted = self._uncommitted(segment)
        if uncommitted is None:
            return None
        dead = not segment.table.live_count and not uncommitted
        if dead and not self._needed_deletes(segment, []):
            return DropJob(self._disk, self._directory, [segment])
        reclaimable = segment.reclaimable()
        worthwhile = max(
            _REWRITE_SHARE * segment.end, _REWRITE_SHARE_OF_FULL * self._segment_bytes_max
        )
        if reclaimable > worthwhile:
            return self._rewrite(segment, uncommitted)
        if not segment.sidecar_written and not uncommitted:
            segment.sidecar_written = True
            known = self._sidecar(segment)
            return SidecarJob(self._disk, segment, lambda: encode_sidecar(known))
        return None

    def _needed_deletes(self, segment: Segment, kept_rows: list[int]) -> "array[int]":
        """Deletions recorded here of messages whose records stay on disk: elsewhere, or in these rows."""
        own, index, floor = segment.table, self.index, self._committed_floor
        kept = {own.seqs[row] for row in kept_rows}
        needed = [
            seq
            for seq in segment.deletes
            if seq >= floor and (seq in kept or (own.row_of(seq) < 0 and index.is_on_disk(seq)))
        ]
        return array("Q", needed)

    def _rewrite(self, segment: Segment, uncommitted: list[int]) -> RewriteJob:
        table, old = segment.table, segment.head
        head = Head(old.segment_id, old.floor, old.last_seq, old.salt, old.generation + 1)
        kept = sorted([row for row, live in enumerate(table.live) if live] + uncommitted)
        rows = [(row, table.offsets[row], table.sizes[row] + RECORD_EXTRA_BYTES) for row in kept]
        segment.deletes = self._needed_deletes(segment, uncommitted)
        control = b""
        if segment.deletes:
            payload = segment.deletes.tobytes()
            control = encode_record(old.salt, DELETE, 0, 0, 0, 0, 0, b"", b"", payload)
        segment.file()
        return RewriteJob(self._disk, segment, head, rows, control)

    def _sidecar(self, segment: Segment) -> Sidecar:
        table, index = segment.table, self.index
        local: dict[int, int] = {}
        rows = zip(table.subject_ids, table.live, strict=True)
        local_ids = array(
            "I", [local.setdefault(each, len(local)) if live else 0 for each, live in rows]
        )
        columns = [table.seqs[:], table.offsets[:], table.sizes[:], local_ids, table.times[:]]
        expires, marks = index.expires, index.marks
        return Sidecar(
            segment.head.salt, segment.head.generation, segment.end, segment.epoch_max, columns,
            bytes(table.live), [index.subjects.name(each) for each in local], segment.deletes[:],
            self._committed_floor, self.committed_seq,
            {seq: expires[seq] for seq in table.seqs if seq in expires} if expires else {},
            {seq: marks[seq] for seq in table.seqs if seq in marks} if marks else {},
        )  # fmt: skip

    def _roll_if_wasted(self) -> None:
        """A last segment that is mostly waste is ended, so that it can be rewritten or dropped later."""
        last = self._segments[-1]
        waste = last.reclaimable()
        if waste > _REWRITE_SHARE * last.end and waste >= self._segment_bytes_max // 4:
            self._roll()

    def finish_maintenance(self, job: Job, error: OSError | None = None) -> None:
        assert job is self._maintaining, "one job at a time"
        self._maintaining = None
        if error is not None:
            self.error = f"{self._directory}: {error.strerror or error}"
        elif isinstance(job, DropJob):
            for segment in job.segments:
                self._forget(segment)
        elif isinstance(job, RewriteJob):
            self._take_rewritten(job)

    def _forget(self, segment: Segment) -> None:
        segment.close()
        self._segments = [each for each in self._segments if each is not segment]
        del self._by_table[id(segment.table)]
        self.index.drop_table(segment.table)
        self._touched.update(each.head.segment_id for each in self._segments[:-1])

    def _take_rewritten(self, job: RewriteJob) -> None:
        segment = job.segment
        smaller = segment.table.without_dead(job.offsets)
        self.index.replace_table(segment.table, smaller)
        del self._by_table[id(segment.table)]
        self._by_table[id(smaller)] = segment
        segment.close()
        segment.table, segment.head = smaller, job.head
        segment.end = segment.written_end = segment.allocated = job.bytes_written
        segment.sidecar_written = False
        self._touched.update(each.head.segment_id for each in self._segments[:-1])

    def close(self) -> None:
        for segment in self._segments:
            segment.close()
