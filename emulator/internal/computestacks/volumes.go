package computestacks

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/httpapi"
	"skystack.dev/sandbox/emulator/internal/resource"
)

// findVolume returns the volume with an id that the caller may edit.
func (a *API) findVolume(c *httpapi.Call, id string) (Volume, error) {
	v, ok := get(c.Tx, a.volumes, idOf(id))
	if !ok || v.Trash || !a.usesProject(c, v.ProjectID, v.UserID) {
		return v, notFound("Unknown volume")
	}
	return v, nil
}

// listVolumes returns the volumes of the projects that the caller uses.
//
//	GET /api/volumes
func (a *API) listVolumes(c *httpapi.Call) (any, error) {
	sees := a.sight(c)
	l := resource.List[Volume]{Table: a.volumes, Keep: func(v Volume) bool { return !v.Trash && sees.project(v.ProjectID, v.UserID) }}
	return pageOfTable(c, "volumes", l, func(v Volume) volumeBody { return a.volumeBody(c.Tx, v) })
}

// getVolume returns a volume.
//
//	GET /api/volumes/{id}
func (a *API) getVolume(c *httpapi.Call) (any, error) {
	v, err := a.findVolume(c, c.Param("id"))
	if err != nil {
		return nil, err
	}
	return one("volume", a.volumeBody(c.Tx, v)), nil
}

type backupsBody struct {
	Name     string   `json:"name"`
	Usage    float64  `json:"usage"`
	Size     float64  `json:"size"`
	Archives []string `json:"archives"`
}

// listBackups returns the archives of a volume.
//
//	GET /api/volumes/{id}/backups
func (a *API) listBackups(c *httpapi.Call) (any, error) {
	v, err := a.findVolume(c, c.Param("id"))
	if err != nil {
		return nil, err
	}
	if len(v.Backups) == 0 {
		return empty{}, nil
	}
	used := volumeUsage(c.Tx, v)
	b := backupsBody{Name: v.Name, Usage: used, Size: used * float64(len(v.Backups)), Archives: []string{}}
	for _, of := range v.Backups {
		b.Archives = append(b.Archives, of.Name)
	}
	return b, nil
}

// The codes of the events of volumes.
const (
	backupCode  = "agent-ad28e9aa1933495f"
	restoreCode = "agent-bde07117ae85937d"
)

// volumeWork is work of a volume, and the name of the backup that it is about.
type volumeWork struct {
	Volume int    `json:"volume"`
	Backup string `json:"backup"`
}

// beginOnVolume begins work on a volume that no other operation uses, with a backup that
// the body names. exists says that the backup must be there.
func (a *API) beginOnVolume(c *httpapi.Call, locale, verb string, exists bool) error {
	v, err := a.findVolume(c, c.Param("id"))
	if err != nil {
		return err
	}
	var in struct {
		Name string `json:"name"`
	}
	if err := c.Decode(&in); err != nil {
		return err
	}
	in.Name = strings.TrimSpace(in.Name)
	known := slices.ContainsFunc(v.Backups, func(b Backup) bool { return b.Name == in.Name })
	switch {
	case len([]rune(in.Name)) < 3:
		return unprocessable("Name too short, must be at least 3 characters.")
	case len(a.activeEvents(c.Tx, "volume", v.ID)) > 0:
		return busy()
	case exists && !known:
		return unprocessable("Failed to restore backup. Check volume event logs.")
	case !exists && known:
		return unprocessable("Name has already been taken")
	}
	payload, err := json.Marshal(volumeWork{v.ID, in.Name})
	if err != nil {
		return err
	}
	w := a.workBy(c, locale, verb+" Volume "+v.Label+": "+in.Name+".")
	w.projects, w.services, w.volumes, w.payload = []int{v.ProjectID}, []int{v.ServiceID}, []int{v.ID}, string(payload)
	a.begin(c.Tx, w)
	return nil
}

// createBackup begins a backup.
//
//	POST /api/volumes/{id}/backups
func (a *API) createBackup(c *httpapi.Call) (any, error) {
	return empty{}, a.beginOnVolume(c, "volume.backup", "Backing up", false)
}

// restoreBackup begins to restore a backup.
//
//	POST /api/volumes/{id}/restore
func (a *API) restoreBackup(c *httpapi.Call) (any, error) {
	return empty{}, a.beginOnVolume(c, "volume.restore", "Restoring", true)
}

// maxBackups bounds the archives of a volume: the oldest is dropped.
const maxBackups = 100

// backupEffect and restoreEffect are the effects of work on volumes.
func (a *API) backupEffect() effect {
	return effect{code: backupCode, fast: 6 * time.Second, realistic: 2 * time.Minute, finish: func(tx *engine.Tx, e EventLog) error {
		v, of, err := a.workedOn(tx, e)
		if err != nil {
			return err
		}
		v.Backups = append(slices.Clip(v.Backups), Backup{of.Backup, tx.Now()})
		if len(v.Backups) > maxBackups {
			v.Backups = v.Backups[1:]
		}
		v.UpdatedAt = tx.Now()
		put(tx, a.volumes, v.ID, v)
		return nil
	}}
}

func (a *API) restoreEffect() effect {
	return effect{code: restoreCode, fast: 8 * time.Second, realistic: 3 * time.Minute, finish: func(tx *engine.Tx, e EventLog) error {
		v, of, err := a.workedOn(tx, e)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(v.Backups, func(b Backup) bool { return b.Name == of.Backup }) {
			return fails("The backup does not exist any more.")
		}
		v.UpdatedAt = tx.Now()
		put(tx, a.volumes, v.ID, v)
		return nil
	}}
}

// workedOn returns the volume of an event.
func (a *API) workedOn(tx *engine.Tx, e EventLog) (v Volume, of volumeWork, err error) {
	if err := json.Unmarshal([]byte(e.Payload), &of); err != nil {
		return v, of, err
	}
	v, ok := get(tx, a.volumes, of.Volume)
	if !ok || v.Trash {
		return v, of, cancels("The volume was deleted.")
	}
	return v, of, nil
}
